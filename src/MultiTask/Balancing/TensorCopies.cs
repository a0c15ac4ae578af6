using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Copies of tensors that are about to change: disposed of, they put every bit back.</summary>
internal sealed class TensorCopies : IDisposable
{
    private readonly Tensor[] tensors;
    private readonly Tensor[] copies;

    public TensorCopies(IEnumerable<Tensor> tensors)
    {
        using var off = no_grad();
        this.tensors = [.. tensors];
        copies = Array.ConvertAll(this.tensors, t => t.clone().DetachFromDisposeScope());
    }

    /// <summary>Adds a multiple of a direction.</summary>
    /// <param name="direction">One vector, <c>[n]</c>, for all entries of the tensors, in their order.</param>
    /// <param name="factor">What to multiply it by.</param>
    public void Move(Tensor direction, double factor)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        var offset = 0L;
        foreach (var tensor in tensors)
        {
            tensor.add_(direction.narrow(0, offset, tensor.numel()).view(tensor.shape).to(tensor.dtype), factor);
            offset += tensor.numel();
        }
    }

    public void Dispose()
    {
        using var off = no_grad();
        for (var i = 0; i < tensors.Length; i++)
        {
            tensors[i].copy_(copies[i]);
            copies[i].Dispose();
        }
    }
}
