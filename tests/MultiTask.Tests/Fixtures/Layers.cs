using MultiTask.Sharing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>Layers of soft sharing, float64, each parameter a leaf.</summary>
internal static class Layers
{
    public static readonly string[] Names = ["a", "b", "c", "d", "e", "f"];

    public static SharedLayer Of(params Tensor[] parameters) =>
        new("0.weight", TaskMap.Create(parameters.Select((p, t) => (Names[t], p.detach().requires_grad_()))));

    public static SharedLayer Of(params double[][] parameters) => Of([.. parameters.Select(p => tensor(p))]);

    public static SharedLayer Draw(int tasks, long[] shape, int seed = 1)
    {
        using var generator = new Generator((ulong)seed);
        return Of([.. Enumerable.Range(0, tasks).Select(_ => randn(shape, ScalarType.Float64, generator: generator))]);
    }

    /// <summary>Points where norms have kinks: zeros, equal rows, a row of zeros, rank one, equal singular values.</summary>
    public static IEnumerable<SharedLayer> Kinks()
    {
        yield return Of([0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]);
        yield return Of([1, -2, 0, 3], [1, -2, 0, 3], [1, -2, 0, 3]);
        yield return Of([1, -2, 0, 3], [0, 0, 0, 0], [2, 1, -1, 1]);
        yield return Of([1, -2, 0, 3], [-2, 4, 0, -6], [0.5, -1, 0, 1.5]);
        yield return Of([2, 0, 0, 0], [0, 0, -2, 0], [0, 2, 0, 0]);
        yield return Of([1e-9, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]);
        yield return Of(zeros(2, 2, dtype: ScalarType.Float64), ones(2, 2, dtype: ScalarType.Float64), eye(2, dtype: ScalarType.Float64));
    }

    public static Tensor Gradient(this SharingPenalty penalty, SharedLayer layer)
    {
        foreach (var p in layer.Parameters.Values)
        {
            p.grad = null;
        }

        penalty.Of(layer).backward();
        return stack(layer.Parameters.Values.Select(p => p.grad ?? zeros_like(p)));
    }

    public static double Value(this SharingPenalty penalty, SharedLayer layer) => penalty.Of(layer).item<double>();

    /// <summary>What the proximal step makes of a layer, which stays as it is.</summary>
    public static SharedLayer Moved(this ProximalPenalty penalty, SharedLayer layer, double step)
    {
        var moved = layer with { Parameters = layer.Parameters.Map((_, p) => p.detach().clone().requires_grad_()) };
        penalty.Prox(moved, step);
        return moved;
    }

    public static SharedLayer With(this SharedLayer layer, Tensor stacked) =>
        layer with { Parameters = TaskMap.Create(layer.Parameters.Tasks.Zip(stacked.unbind(0), (t, p) => (t, p.detach().clone().requires_grad_()))) };
}
