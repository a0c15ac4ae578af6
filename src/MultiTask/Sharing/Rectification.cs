using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>ReLU as a module, of tensors without data, too.</summary>
internal sealed class Rectification() : nn.Module<Tensor, Tensor>(nameof(Rectification))
{
    public override Tensor forward(Tensor input) => input.Rectified();
}
