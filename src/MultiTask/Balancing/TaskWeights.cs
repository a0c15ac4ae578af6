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
    /// <param name="losses">The losses: of one dtype, and it takes as many native calls for many as for one.</param>
    /// <param name="weights">A weight for each, perhaps for others.</param>
    public static Tensor Combine(TaskMap<Tensor> losses, TaskMap<double> weights)
    {
        var first = losses.Values[0];
        var w = losses.Tasks.Select(task => weights[task]).ToArray();
        if (losses.Values.Any(loss => loss.dtype != first.dtype))
        {
            return losses.Values.Zip(w, (loss, weight) => loss * weight).Aggregate((sum, next) => sum + next);
        }

        var all = stack(losses.Values).to(promote_types(first.dtype, ScalarType.Float32)); // weights do not fit into halves
        return (Array.TrueForAll(w, weight => weight == 1) ? all : all * tensor(w, all.dtype, all.device)).sum();
    }
}
