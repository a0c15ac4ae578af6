using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Copies of the buffers of some modules: running statistics of batches, what a balancer remembers.</summary>
/// <remarks>A step that fails has changed them before it is known to fail.</remarks>
internal sealed class BufferCopies(params IEnumerable<nn.Module> modules) : IDisposable
{
    private readonly Tensor[] buffers = [.. modules.SelectMany(m => m.buffers())];
    private Tensor[] copies = [];

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
            copies = Array.ConvertAll(buffers, b => b.clone().DetachFromDisposeScope());
        }
    }

    /// <summary>Makes the buffers what they were.</summary>
    public void Restore()
    {
        using var off = no_grad();
        Copy(copies, buffers);
    }

    public void Dispose() => Array.ForEach(copies, c => c.Dispose());

    private static void Copy(Tensor[] from, Tensor[] to)
    {
        for (var i = 0; i < from.Length; i++)
        {
            to[i].copy_(from[i]);
        }
    }
}
