using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Features have their channels along one dimension: <c>[n, c]</c>, <c>[n, c, h, w]</c>, or last, <c>[n, length, c]</c>.</summary>
/// <param name="dimension">The dimension, 1 or more, or negative from the end.</param>
internal sealed class Channels(int dimension)
{
    private readonly int dimension = dimension != 0
        ? dimension
        : throw new ArgumentOutOfRangeException(nameof(dimension), "`channelDimension` should not be 0, along which there are the samples. Found 0.");

    public long Dimension => dimension;

    /// <summary>The number of channels that each stage gives: as said, or as the modules in the stage say.</summary>
    /// <exception cref="ArgumentException">There is not one positive number for each stage, or the modules do not say.</exception>
    public static int[] Widths(Stages stages, IReadOnlyList<int>? given)
    {
        if (given is null)
        {
            return Found(stages);
        }

        return given.Count == stages.Count && given.All(width => width >= 1)
            ? [.. given]
            : throw new ArgumentException($"`widths` should be {stages.Count} positive numbers, one for each stage. Found {Shape.Text(given.Select(w => (long)w))}.");
    }

    /// <summary>The number of channels that a module's last part of a usual kind gives, or 0 where there is none.</summary>
    public static int Said(nn.Module module) =>
        (int)module.named_modules().Select(m => m.module).Prepend(module).Select(Width).LastOrDefault(width => width > 0);

    /// <summary>Refuses features with another number of channels, before the native library ends the process.</summary>
    public void Expect(Tensor features, long width, string what)
    {
        var at = dimension < 0 ? features.dim() + dimension : dimension;
        if (at < 1 || at >= features.dim() || features.size((int)at) != width)
        {
            throw new ArgumentException($"{what} should have {width} channels along dimension {dimension}. Found {Shape.Of(features)}; `widths` and `channelDimension` say what there is.");
        }
    }

    public Tensor ToLast(Tensor features) => features.movedim([dimension], [-1]);

    public Tensor FromLast(Tensor features) => features.movedim([-1], [dimension]);

    public Tensor ToSecond(Tensor features) => features.movedim([dimension], [1]);

    public Tensor FromSecond(Tensor features) => features.movedim([1], [dimension]);

    private static int[] Found(Stages stages)
    {
        var widths = new int[stages.Count];
        for (var l = 0; l < widths.Length; l++)
        {
            var said = Said(stages.ModuleOf(l));
            widths[l] = said > 0 ? said : l > 0 ? widths[l - 1] : throw new ArgumentException(
                $"The number of channels after stage {l} could not be told from its modules ({stages.ModuleOf(l).GetName()}). Give `widths`, one number for each stage.");
        }

        return widths;
    }

    /// <summary>What a module of a usual kind gives, or 0.</summary>
    private static long Width(nn.Module module) => module switch
    {
        Linear linear => linear.out_features,
        Convolution convolution => convolution.out_channels,
        Embedding embedding => embedding.weight!.size(1),
        LSTM or GRU or RNN => Recurrent(module),
        _ => 0,
    };

    private static long Recurrent(nn.Module module)
    {
        var hidden = module.named_parameters().Where(p => p.name.StartsWith("weight_hh", StringComparison.Ordinal)).ToArray();
        return hidden.Length == 0 ? 0 : hidden[0].parameter.size(1) * (hidden.Any(p => p.name.EndsWith("_reverse", StringComparison.Ordinal)) ? 2 : 1);
    }
}
