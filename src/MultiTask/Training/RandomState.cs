using System.Buffers.Binary;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The state of torch's global random number generator on the CPU, as bytes.</summary>
/// <remarks>
/// TorchSharp 0.107 has no way to read or set a CUDA generator's state, so runs that draw random numbers on a CUDA device
/// (dropout, say) do not continue with the same numbers. LibTorch checks a state when it is set, but TorchSharp lets that
/// error end the process; so it is checked here first.
/// </remarks>
internal static class RandomState
{
    // LibTorch's CPUGeneratorImplState begins: seed (8 bytes), left (4), seeded (4), next (8), 624 words of 8 bytes.
    private const int LeftAt = 8;
    private const int SeededAt = 12;
    private const int NextAt = 16;
    private const int Words = 624;

    /// <summary>The state as it is now.</summary>
    public static byte[] Capture()
    {
        using var generator = Generator.Default;
        using var state = generator.get_state();
        return state.bytes.ToArray();
    }

    /// <summary>Sets the state, so that the numbers drawn next are those that followed <see cref="Capture"/>.</summary>
    /// <param name="state">What <see cref="Capture"/> gave.</param>
    /// <param name="source">What messages call the place that it comes from.</param>
    /// <exception cref="InvalidDataException">It is not such a state; the generator is unchanged.</exception>
    public static void Restore(byte[] state, string source)
    {
        Check(state, source);
        using var generator = Generator.Default;
        using var bytes = tensor(state);
        generator.set_state(bytes);
    }

    /// <summary>Whether <see cref="Restore"/> would take the state.</summary>
    /// <inheritdoc cref="Restore"/>
    public static void Check(byte[] state, string source)
    {
        var length = Capture().Length;
        if (state.Length != length)
        {
            throw new InvalidDataException($"{source}: the random state should have {length} bytes. Found {state.Length}.");
        }

        var left = BinaryPrimitives.ReadInt32LittleEndian(state.AsSpan(LeftAt));
        var seeded = BinaryPrimitives.ReadInt32LittleEndian(state.AsSpan(SeededAt));
        var next = BinaryPrimitives.ReadUInt64LittleEndian(state.AsSpan(NextAt));
        if (left is < 1 or > Words || seeded != 1 || next > Words)
        {
            throw new InvalidDataException($"{source}: the bytes are not the state of a random number generator.");
        }
    }
}
