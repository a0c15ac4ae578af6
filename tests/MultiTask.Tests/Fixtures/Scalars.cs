using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>Losses that are leaves themselves, so that their gradient is what a method did to them.</summary>
internal static class Scalars
{
    public static TaskMap<Tensor> Of(params (string Task, double Value)[] losses) =>
        TaskMap.Create(losses.Select(l => (l.Task, tensor(l.Value, dtype: ScalarType.Float64).requires_grad_())));

    /// <summary>∂scalar/∂loss of each loss.</summary>
    public static double[] Slopes(this Scalarizer method, TaskMap<Tensor> losses)
    {
        using var scope = NewDisposeScope();
        foreach (var loss in losses.Values)
        {
            loss.grad = null;
        }

        method.Scalarize(losses).backward();
        return [.. losses.Values.Select(l => l.grad!.item<double>())];
    }
}
