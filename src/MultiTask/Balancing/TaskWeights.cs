using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>What is done with weights once a method has found them.</summary>
internal static class TaskWeights
{
    private const int Many = 8; // losses

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
    /// <remarks>
    /// Losses of one dtype make one product, which takes as many native calls for many as for one. Few losses are added one by one where
    /// they all count alike: that takes fewer.
    /// </remarks>
    /// <param name="losses">The losses.</param>
    /// <param name="weights">A weight for each, perhaps for others.</param>
    public static Tensor Combine(TaskMap<Tensor> losses, TaskMap<double> weights)
    {
        var first = losses.Values[0].dtype;
        var w = losses.Tasks.Select(task => weights[task]).ToArray();
        var equal = Array.TrueForAll(w, weight => weight == 1);
        var dtype = promote_types(first, ScalarType.Float32); // sums and weights do not fit into halves
        if (losses.Values.Any(loss => loss.dtype != first) || (equal && dtype == first && w.Length is > 1 and < Many))
        {
            return losses.Values.Zip(w, (loss, weight) => weight == 1 ? loss : loss * weight).Aggregate((sum, next) => sum + next);
        }

        var all = stack(losses.Values).to(dtype);
        return (equal ? all : all * tensor(w, dtype, all.device)).sum();
    }
}
