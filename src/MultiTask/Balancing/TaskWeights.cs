using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>What is done with weights once a method has found them.</summary>
internal static class TaskWeights
{
    public static TaskMap<double> Checked<T>(double[] weights, TaskMap<T> tasks, nn.Module method)
    {
        if (weights.Length != tasks.Count || !Array.TrueForAll(weights, double.IsFinite))
        {
            throw new InvalidOperationException(
                $"{method.GetName()} should give {tasks.Count} finite weights, for {TaskNames.List(tasks.Tasks)}. Found [{string.Join(", ", weights)}].");
        }

        var next = 0;
        return tasks.Map((_, _) => weights[next++]);
    }

    /// <summary>Σ wᵢ ℓᵢ.</summary>
    public static Tensor Combine(TaskMap<Tensor> losses, TaskMap<double> weights) =>
        losses.Select(l => weights[l.Task] == 1 ? l.Value : l.Value * weights[l.Task]).Aggregate((sum, next) => sum + next);
}
