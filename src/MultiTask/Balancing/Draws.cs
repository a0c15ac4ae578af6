using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// A balancer's own random numbers: each draw starts a generator from the seed and the number of draws before it. Both
/// are buffers. So a resumed run goes on as if it had not stopped, and nobody else's random numbers are touched.
/// </summary>
internal sealed class Draws : nn.Module
{
    private Tensor seed;
    private Tensor count;

    public Draws(long seed)
        : base(nameof(Draws))
    {
        this.seed = tensor(seed).DetachFromDisposeScope();
        count = zeros([], ScalarType.Int64).DetachFromDisposeScope();
        RegisterComponents();
    }

    public void Clear() => count.zero_();

    /// <summary>A generator for one step's draws.</summary>
    public Random Next()
    {
        var random = Current();
        Advance();
        return random;
    }

    /// <summary>A generator of tensors for one step's draws; the caller disposes it.</summary>
    public Generator Next(Device device)
    {
        var generator = new Generator(CurrentSeed() >> 1, device);
        Advance();
        return generator;
    }

    /// <summary>The generator that is next, as often as it is asked for until the next <see cref="Advance"/>.</summary>
    public Random Current() => new((int)(CurrentSeed() >> 33));

    /// <summary>Goes on to the draws of another step.</summary>
    public void Advance() => count.add_(1);

    /// <summary>A generator for a task's own numbers: the same whenever it is asked for, whatever was drawn before.</summary>
    public Random Of(string task)
    {
        var hash = 14695981039346656037; // FNV-1a: string.GetHashCode differs from process to process
        foreach (var c in task)
        {
            hash = unchecked((hash ^ c) * 1099511628211);
        }

        return new((int)(Mixed(unchecked(Number(seed) + hash)) >> 33));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            seed.Dispose();
            count.Dispose();
        }

        base.Dispose(disposing);
    }

    private ulong CurrentSeed() => Mixed(unchecked(Number(seed) + ((Number(count) + 1) * 0x9E3779B97F4A7C15)));

    private static ulong Number(Tensor buffer)
    {
        using var scope = NewDisposeScope();
        return unchecked((ulong)buffer.cpu().item<long>());
    }

    /// <summary>SplitMix64 (Steele et al., 2014): one well-mixed number for each number.</summary>
    private static ulong Mixed(ulong z)
    {
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
