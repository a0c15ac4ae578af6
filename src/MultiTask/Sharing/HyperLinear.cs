using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Makes a weight and a bias from a code: an affine map for each. Weights of the maps start at N(0, 10⁻² ²), biases at 0.</summary>
internal sealed class HyperLinear : nn.Module
{
    private readonly Linear weight;
    private readonly Linear bias;
    private readonly long[] shape;

    /// <param name="code">The length of the code.</param>
    /// <param name="shape">The shape of the weight; the bias has its first length.</param>
    public HyperLinear(int code, params long[] shape)
        : base(nameof(HyperLinear))
    {
        this.shape = shape;
        weight = Start(nn.Linear(code, shape.Aggregate(1L, (size, length) => size * length)));
        bias = Start(nn.Linear(code, shape[0]));
        RegisterComponents();
    }

    /// <summary>As the authors start all of their dense layers.</summary>
    public static Linear Start(Linear layer)
    {
        nn.init.normal_(layer.weight, 0, 1e-2);
        nn.init.zeros_(layer.bias!);
        return layer;
    }

    public (Tensor Weight, Tensor Bias) Of(Tensor code) => (weight.call(code).reshape(shape), bias.call(code));
}
