using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>One step of the optimizer: from batches to updated parameters, or to nothing at all.</summary>
/// <remarks>
/// Gradients are set to null before, so that the head of a task that is absent from the step stays as it is. A step that
/// fails leaves parameters and buffers as they were.
/// </remarks>
internal sealed class TrainingStep(MultiTaskModel model, Balancer balancer, optim.Optimizer optimizer, IReadOnlyList<Parameter> parameters, TrainerOptions options) : IDisposable
{
    private readonly IReadOnlyList<Parameter> shared = [.. model.SharedParameters()];
    private readonly optim.ILearningRateController group = GroupOf(model.Trunk, optimizer);
    private readonly BufferCopies buffers = new(model, balancer);

    /// <summary>Makes the step. Call inside a dispose scope that the batches belong to.</summary>
    /// <param name="batches">The batches that make the step.</param>
    /// <param name="epoch">The epoch, for the report.</param>
    /// <param name="step">The step, for the report.</param>
    /// <param name="sums">Takes in the step's losses.</param>
    public StepReport Run(IReadOnlyList<MultiTaskBatch> batches, int epoch, long step, LossSums sums)
    {
        var labels = batches.Select(Labels).ToArray();
        var total = labels.Length == 1 ? labels[0] : Sum(labels);
        if (total.Count == 0)
        {
            return new(epoch, step, [], [], Skipped: true);
        }

        ClearGradients();
        buffers.Keep();
        var random = RandomState.Capture();
        var labelled = batches.Where((_, i) => labels[i].Count > 0);
        var losses = new StepLosses(total);
        try
        {
            ExpectFiniteInputs(batches);
            Balance(batches, labels, losses);
            ExpectFiniteGradients(total.Tasks);
        }
        catch (Exception e)
        {
            ClearGradients();
            buffers.Restore();
            if (e is not NonFiniteException fault)
            {
                throw;
            }

            return options.OnNonFinite == NonFinitePolicy.SkipStep
                ? new(epoch, step, [], [], Skipped: true) { Fault = fault }
                : throw fault.In($"epoch {epoch}, step {step}");
        }

        optimizer.step();
        model.Trunk.EndStep(group.LearningRate);
        return Report() with { Fault = LookBack() };

        NonFiniteException? LookBack()
        {
            try
            {
                balancer.EndStep(() => LossesAfter(labelled, random));
                return null;
            }
            catch (NonFiniteException fault)
            {
                return options.OnNonFinite == NonFinitePolicy.SkipStep ? fault : throw fault.In($"epoch {epoch}, step {step}");
            }
        }

        StepReport Report()
        {
            var means = losses.Means();
            foreach (var (task, loss) in means)
            {
                sums.Add(task, loss, total[task]);
            }

            return new(epoch, step, means, total.Map((_, t) => t.Count), Skipped: false);
        }
    }

    public void Dispose() => buffers.Dispose();

    private void Balance(IReadOnlyList<MultiTaskBatch> batches, TaskMap<LabelTotal>[] labels, StepLosses losses)
    {
        if (options.BalanceAt == BalanceAt.Representation)
        {
            FirstBatch.ExpectOnePart(batches[0]);
            var part = batches[0].Parts[0];
            var representation = model.Trunk.call(part.Inputs).Cut();
            var outputs = model.Outputs(representation, part.Targets.Tasks);
            Penalize(share: 1);
            balancer.Backward(losses.Add(model.Losses(outputs, part.Targets, part.Weights), labels[0]), representation);
        }
        else
        {
            var labelled = batches.Zip(labels).Where(b => b.Second.Count > 0).ToArray();
            balancer.Backward(labelled.Select(b => losses.Add(Losses(b.First), b.Second, () => model.Losses(b.First))), shared);

            TaskMap<Tensor> Losses(MultiTaskBatch batch)
            {
                var own = model.Losses(batch);
                Penalize(share: 1.0 / labelled.Length);
                return own;
            }
        }
    }

    /// <summary>The penalty's gradient, before the balancer frees the graph that it may be part of.</summary>
    private void Penalize(double share)
    {
        if (model.Penalty() is { } penalty)
        {
            (penalty * share).backward(retain_graph: true);
        }
    }

    private TaskMap<LabelTotal> Labels(MultiTaskBatch batch) => Sum(batch.Parts.Select(part => part.Targets.Map((task, target) =>
        LabelTotal.Of(model.Tasks[task], target, part.Weights.TryGetValue(task, out var weights) ? weights : null))));

    /// <summary>The labels of each task that has any (of a weight), in the model's order.</summary>
    private TaskMap<LabelTotal> Sum(IEnumerable<TaskMap<LabelTotal>> parts)
    {
        var sums = new Dictionary<string, LabelTotal>(StringComparer.Ordinal);
        foreach (var (task, total) in parts.SelectMany(p => p).Where(t => t.Value.Weight != 0))
        {
            if (!(total.Weight > 0) || !double.IsFinite(total.Weight))
            {
                throw new ArgumentException($"Task '{task}': the sample weights of a batch should be finite and non-negative. Found a sum of {total.Weight}.");
            }

            sums[task] = sums.GetValueOrDefault(task) + total;
        }

        return TaskMap.Create(model.Tasks.Tasks.Where(sums.ContainsKey).Select(task => (task, sums[task])));
    }

    /// <summary>
    /// In the mode of the step and with its random numbers, so that dropout drops the same (on the CPU: other generators'
    /// states cannot be set), but without a trace in running statistics or in the numbers that are drawn next.
    /// </summary>
    private TaskMap<Tensor> LossesAfter(IEnumerable<MultiTaskBatch> batches, byte[] random)
    {
        using var off = no_grad();
        using var statistics = new BufferCopies(model);
        statistics.Keep();
        var next = RandomState.Capture();
        RandomState.Restore(random, "The step");
        try
        {
            return model.Losses(new MultiTaskBatch(batches.SelectMany(b => b.Parts)));
        }
        finally
        {
            statistics.Restore();
            RandomState.Restore(next, "The step");
        }
    }

    /// <summary>The parameter group of the trunk's first parameter, which tells the trunk its learning rate.</summary>
    private static optim.ILearningRateController GroupOf(Trunk trunk, optim.Optimizer optimizer)
    {
        var handle = trunk.parameters().FirstOrDefault()?.Handle;
        return optimizer.ParamGroups.FirstOrDefault(g => g is ParamGroup group && group.Parameters.Any(p => p.Handle == handle)) ?? optimizer.ParamGroups.First();
    }

    private void ClearGradients()
    {
        foreach (var parameter in parameters)
        {
            parameter.grad = null;
        }
    }

    private static void ExpectFiniteInputs(IReadOnlyList<MultiTaskBatch> batches)
    {
        foreach (var part in batches.SelectMany(b => b.Parts))
        {
            if (Finite.Offender(part.Inputs.Where(t => t.is_floating_point())) is { } bad)
            {
                throw new NonFiniteException(part.Targets.Tasks, "input", bad);
            }
        }
    }

    /// <summary>Checks and, where asked for, clips the gradient as a whole.</summary>
    private void ExpectFiniteGradients(IEnumerable<string> tasks)
    {
        using var scope = NewDisposeScope();
        if (OffenderIn(parameters) is { } bad)
        {
            throw Culprit(tasks, bad);
        }

        if (options.ClipGradientNorm is { } limit)
        {
            Clip(limit);
        }
    }

    /// <summary>As torch clips; but sparse gradients, which torch leaves as they are, like all others.</summary>
    private void Clip(double limit)
    {
        var gradients = parameters.Select(p => p.grad).OfType<Tensor>().ToArray();
        if (!Array.Exists(gradients, g => g.is_sparse))
        {
            nn.utils.clip_grad_norm_(parameters, limit);
        }
        else if (limit / (GradientNorm.Of(gradients) + 1e-6) is var factor and < 1)
        {
            Array.ForEach(gradients, g => g.mul_(factor));
        }
    }

    private static double? OffenderIn(IEnumerable<Parameter> parameters) => Finite.Offender(parameters.Select(p => p.grad).OfType<Tensor>());

    /// <summary>The tasks whose own parameters have the bad gradient; all, where it is the shared ones that have it.</summary>
    private NonFiniteException Culprit(IEnumerable<string> tasks, double bad)
    {
        var own = tasks.Select(task => (Task: task, Offender: OffenderIn(model.TaskParameters(task)))).Where(t => t.Offender is not null).ToArray();
        return own.Length > 0
            ? new([.. own.Select(t => t.Task)], "gradient", own[0].Offender!.Value)
            : new([.. tasks], "gradient", bad);
    }
}
