using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Copies of buffers: running statistics of batches, what a balancer remembers.</summary>
/// <remarks>A step that fails has changed them before it is known to fail. A balancer's memory may grow in a step; so its buffers are looked up each time.</remarks>
internal sealed class BufferCopies(nn.Module model, Balancer? balancer = null) : IDisposable
{
    private readonly Tensor[] buffers = [.. model.buffers()];
    private Tensor[] copies = [];
    private Dictionary<string, Tensor> memory = [];

    /// <summary>Remembers the buffers as they are.</summary>
    public void Keep()
    {
        using var off = no_grad();
        if (copies.Length == buffers.Length)
        {
            Copy(buffers, copies);
        }
        else
        {
            copies = Array.ConvertAll(buffers, Clone);
        }

        KeepMemory();
    }

    /// <summary>Makes the buffers what they were.</summary>
    public void Restore()
    {
        using var off = no_grad();
        Copy(copies, buffers);
        balancer?.Adopt(memory);
        foreach (var (name, buffer) in Memory())
        {
            buffer.copy_(memory[name]);
        }
    }

    public void Dispose()
    {
        Array.ForEach(copies, c => c.Dispose());
        foreach (var copy in memory.Values)
        {
            copy.Dispose();
        }
    }

    private void KeepMemory()
    {
        foreach (var (name, buffer) in Memory())
        {
            if (memory.TryGetValue(name, out var copy) && copy.dtype == buffer.dtype && copy.shape.AsSpan().SequenceEqual(buffer.shape))
            {
                copy.copy_(buffer);
            }
            else
            {
                copy?.Dispose();
                memory[name] = Clone(buffer);
            }
        }
    }

    private IEnumerable<(string Name, Tensor Buffer)> Memory() => balancer?.named_buffers() ?? [];

    private static Tensor Clone(Tensor buffer) => buffer.clone().DetachFromDisposeScope();

    private static void Copy(Tensor[] from, Tensor[] to)
    {
        for (var i = 0; i < from.Length; i++)
        {
            to[i].copy_(from[i]);
        }
    }
}
