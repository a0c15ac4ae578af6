using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

/// <summary>Experts with weights that can be reckoned with by hand.</summary>
internal static class Expert
{
    /// <summary>A linear map from two numbers to two, in float64, without bias.</summary>
    public static Encoder Plain() => Linear(2, 2, hasBias: false, dtype: ScalarType.Float64);

    /// <summary>Two layers of such maps.</summary>
    public static IReadOnlyList<Encoder> Stack() => [Plain(), Plain()];

    /// <summary>A convolution of images of one channel to eight numbers, in float64.</summary>
    public static Encoder Convolution()
    {
        var module = Sequential(Conv2d(1, 2, 3), ReLU(), Flatten());
        module.to(ScalarType.Float64);
        return module;
    }

    /// <summary>The parameters by name.</summary>
    public static Dictionary<string, Parameter> ByName(this nn.Module module) => module.named_parameters().ToDictionary(p => p.name, p => p.parameter);

    /// <summary>Sets a parameter.</summary>
    public static void Set(this nn.Module module, string name, params double[] values)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        var parameter = module.ByName()[name];
        parameter.copy_(tensor(values, ScalarType.Float64).reshape(parameter.shape));
    }

    /// <summary>Sets a 2×2 map to a multiple of the identity.</summary>
    public static void Scale(this nn.Module module, string name, double by) => module.Set(name, by, 0, 0, by);

    /// <summary>Copies parameters in their order.</summary>
    public static void CopyFrom(this nn.Module to, nn.Module from)
    {
        using var off = no_grad();
        foreach (var (target, source) in to.parameters().Zip(from.parameters()))
        {
            target.copy_(source);
        }
    }

    public static bool HasGradient(this Parameter parameter) => parameter.grad is not null;

    /// <summary>The parameters that have a gradient other than 0.</summary>
    public static string[] Reached(this nn.Module module) =>
        [.. module.named_parameters().Where(p => p.parameter.grad is { } g && g.abs().max().item<double>() > 0).Select(p => p.name)];
}
