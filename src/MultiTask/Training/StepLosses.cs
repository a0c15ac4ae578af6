using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The losses of a step, gathered batch by batch.</summary>
/// <param name="total">The labels of the whole step.</param>
internal sealed class StepLosses(TaskMap<LabelTotal> total)
{
    private readonly List<MicroBatchLosses> batches = [];

    /// <summary>A batch's losses, with the part that each has in the step's.</summary>
    /// <param name="losses">The losses.</param>
    /// <param name="labels">The batch's labels.</param>
    /// <param name="again">Computes the losses anew.</param>
    public MicroBatchLosses Add(TaskMap<Tensor> losses, TaskMap<LabelTotal> labels, Func<TaskMap<Tensor>>? again = null)
    {
        MicroBatchLosses batch = new(losses, losses.Map((task, _) => labels[task].Weight / total[task].Weight)) { Order = total.Tasks, Again = again };
        batches.Add(batch);
        return batch;
    }

    /// <summary>Each task's loss over all labels of the step. Call when the balancer has seen all batches.</summary>
    public TaskMap<double> Means()
    {
        var means = new double[total.Count];
        var index = total.Tasks.Index().ToDictionary(t => t.Item, t => t.Index, StringComparer.Ordinal);
        foreach (var batch in batches)
        {
            foreach (var (task, loss) in batch.Values)
            {
                means[index[task]] += batch.Shares[task] * loss;
            }
        }

        var next = 0;
        return total.Map((_, _) => means[next++]);
    }
}
