using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The weights with which a unit of AdaTT adds its own m experts; uniform in ±1/√m at first.</summary>
internal sealed class NativeWeights : nn.Module, ICounted
{
    private readonly Parameter weight;

    public NativeWeights(Encoder[] experts)
        : base(nameof(NativeWeights))
    {
        var like = experts[0].Module.parameters().FirstOrDefault();
        var values = empty([experts.Length], like?.dtype ?? ScalarType.Float32, like?.device ?? CPU).DetachFromDisposeScope();
        var bound = 1 / Math.Sqrt(experts.Length);
        nn.init.uniform_(values, -bound, bound);
        weight = nn.Parameter(values);
        RegisterComponents();
    }

    public Tensor Weight => weight;

    /// <summary>None for one expert, which is added as it is.</summary>
    public static NativeWeights? For(Encoder[] experts) => experts.Length == 1 ? null : new(experts);
}
