using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A task's part of a dense layer: (W ⊙ Wₜ) x + b + bₜ, where W and b are the layer's. It starts as the layer.</summary>
internal sealed class DenseFactor : nn.Module, ICounted
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    public DenseFactor(Linear layer)
        : base(nameof(DenseFactor))
    {
        weight = nn.Parameter(ones_like(layer.weight!).detach().DetachFromDisposeScope());
        bias = layer.bias is null ? null : nn.Parameter(zeros_like(layer.bias).detach().DetachFromDisposeScope());
        RegisterComponents();
    }

    public Tensor Of(Linear layer, Tensor input) =>
        MultiplyAdds.Sums(nn.functional.linear(input, layer.weight! * weight, bias is null ? null : layer.bias! + bias), layer.in_features, this);
}
