using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>One step of the optimizer: from batches to updated parameters, or to nothing at all.</summary>
/// <remarks>Gradients are set to null before, so that the head of a task that is absent from the step stays as it is.</remarks>
internal sealed class TrainingStep(MultiTaskModel model, Balancer balancer, optim.Optimizer optimizer, IReadOnlyList<Parameter> parameters, TrainerOptions options)
{
    private readonly IReadOnlyList<Parameter> shared = [.. model.SharedParameters()];

    /// <summary>Makes the step. Call inside a dispose scope that the batches belong to.</summary>
    public StepReport Run(IReadOnlyList<MultiTaskBatch> batches, int epoch, long step)
    {
        var labels = batches.Select(Labels).ToArray();
        var total = Sum(labels);
        if (total.Count == 0)
        {
            return new(epoch, step, [], [], Skipped: true);
        }

        ClearGradients();
        var values = new List<MicroBatchLosses>(batches.Count);
        try
        {
            ExpectFiniteInputs(batches, total);
            Balance(batches, labels, total, values);
            model.Penalty()?.backward();
            ExpectFiniteGradients(total);
        }
        catch (NonFiniteException found)
        {
            ClearGradients();
            return options.OnNonFinite == NonFinitePolicy.SkipStep
                ? new(epoch, step, [], [], Skipped: true)
                : throw new NonFiniteException(found.Task, found.What, found.Value, $"epoch {epoch}, step {step}");
        }

        optimizer.step();
        balancer.EndStep(() => LossesAfter(batches));
        return new(epoch, step, Mean(values, total), total, Skipped: false);
    }

    private void Balance(IReadOnlyList<MultiTaskBatch> batches, TaskMap<long>[] labels, TaskMap<long> total, List<MicroBatchLosses> values)
    {
        if (options.BalanceAt == BalanceAt.Representation)
        {
            var part = batches[0].Parts[0];
            var representation = model.Trunk.call(part.Inputs).Cut();
            var losses = model.Losses(model.Outputs(representation, part.Targets.Tasks), part.Targets, part.Weights);
            values.Add(new(losses));
            balancer.Backward(values[0], representation);
        }
        else
        {
            balancer.Backward(MicroBatches(), shared);
        }

        IEnumerable<MicroBatchLosses> MicroBatches()
        {
            for (var i = 0; i < batches.Count; i++)
            {
                if (labels[i].Count > 0)
                {
                    var losses = model.Losses(batches[i]);
                    var own = labels[i];
                    values.Add(new(losses, losses.Map((task, _) => (double)own[task] / total[task])));
                    yield return values[^1];
                }
            }
        }
    }

    private TaskMap<long> Labels(MultiTaskBatch batch) => Sum(batch.Parts.Select(part =>
        part.Targets.Map((task, target) => model.Tasks[task].CountLabels(target))));

    /// <summary>The number of labels of each task that has any, in the model's order.</summary>
    private TaskMap<long> Sum(IEnumerable<TaskMap<long>> counts)
    {
        var all = counts.ToArray();
        return TaskMap.Create(model.Tasks.Tasks
            .Select(task => (task, Count: all.Sum(c => c.TryGetValue(task, out var n) ? n : 0)))
            .Where(c => c.Count > 0));
    }

    private static TaskMap<double> Mean(List<MicroBatchLosses> batches, TaskMap<long> total) =>
        total.Map((task, _) => batches.Where(b => b.Values.Contains(task)).Sum(b => b.Shares[task] * b.Values[task]));

    private TaskMap<Tensor> LossesAfter(IReadOnlyList<MultiTaskBatch> batches)
    {
        using var mode = new ModeScope(model, training: false);
        using var off = no_grad();
        return model.Losses(new MultiTaskBatch(batches.SelectMany(b => b.Parts)));
    }

    private void ClearGradients()
    {
        foreach (var parameter in parameters)
        {
            parameter.grad = null;
        }
    }

    private static void ExpectFiniteInputs(IReadOnlyList<MultiTaskBatch> batches, TaskMap<long> total)
    {
        foreach (var part in batches.SelectMany(b => b.Parts))
        {
            foreach (var tensor in part.Inputs.Where(t => t.is_floating_point()))
            {
                var sum = tensor.sum().to(ScalarType.Float64).item<double>();
                if (!double.IsFinite(sum) && !tensor.isfinite().all().item<bool>())
                {
                    throw new NonFiniteException(string.Join("', '", part.Targets.Tasks.Where(total.Contains)), "input", sum);
                }
            }
        }
    }

    /// <summary>Checks and, where asked for, clips the gradient as a whole.</summary>
    private void ExpectFiniteGradients(TaskMap<long> total)
    {
        var gradients = parameters.Select(p => p.grad).OfType<Tensor>().ToArray();
        var norm = GradientNorm.Of(gradients);
        if (!double.IsFinite(norm))
        {
            throw new NonFiniteException(Culprit(total), "gradient", norm);
        }

        if (options.ClipGradientNorm is { } limit && norm > limit)
        {
            foreach (var gradient in gradients)
            {
                gradient.mul_(limit / norm);
            }
        }
    }

    /// <summary>The tasks whose own parameters have the bad gradient; all, where it is the shared ones that have it.</summary>
    private string Culprit(TaskMap<long> total)
    {
        var own = total.Tasks.Where(task => !double.IsFinite(GradientNorm.Of(model.TaskParameters(task).Select(p => p.grad).OfType<Tensor>())));
        return string.Join("', '", own.DefaultIfEmpty(string.Join("', '", total.Tasks)));
    }
}
