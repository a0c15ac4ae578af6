using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

/// <summary>Small modules whose outputs can be worked out by hand.</summary>
internal static class Numbers
{
    /// <summary>x · weight, of one number, or of as many as the weights.</summary>
    public static Linear Times(params double[] weights)
    {
        var layer = Linear(weights.Length, weights.Length, hasBias: false, dtype: ScalarType.Float64);
        Set(layer.weight!, diag(tensor(weights)));
        return layer;
    }

    /// <summary>The tower of the contracts in two stages.</summary>
    public static IReadOnlyList<Encoder> Stages()
    {
        Sequential[] stages = [Sequential(Linear(2, 4), Tanh()), Sequential(Linear(4, 4), Tanh())];
        return [.. stages.Select(stage => (Encoder)(nn.Module<Tensor, Tensor>)stage.to(ScalarType.Float64))];
    }

    public static Tensor Row(params double[] values) => tensor(values, [1, values.Length]);

    public static void Set(Tensor parameter, Tensor values)
    {
        using var off = no_grad();
        parameter.copy_(values);
    }

    public static Parameter Named(this nn.Module module, string name) => module.named_parameters().Single(p => p.name == name).parameter;

    /// <summary>Copies parameters, one after the other.</summary>
    public static void Copy(IEnumerable<Parameter> from, IEnumerable<Parameter> to)
    {
        foreach (var (target, source) in to.Zip(from, (t, s) => (t, s)))
        {
            Set(target, source);
        }
    }

    /// <summary>Draws all parameters anew, so that nothing is at a special place.</summary>
    public static void Spread(nn.Module module)
    {
        foreach (var p in module.parameters())
        {
            Set(p, randn_like(p) * 0.5);
        }
    }
}
