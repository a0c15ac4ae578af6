using System.Runtime.InteropServices;
using MultiTask.Diagnostics;
using MultiTask.Sharing;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A trunk and the heads of the tasks on it.</summary>
/// <remarks>
/// State keys read <c>trunk.encoder.0.weight</c>, <c>heads.age.weight</c>, <c>adapters.age.weight</c>. The model owns the trunk,
/// the heads and the adapters that it is given: disposing it disposes them.
/// </remarks>
public sealed class MultiTaskModel : nn.Module<Inputs, TaskMap<Tensor>>
{
    private readonly Trunk trunk;
    private readonly TaskModules heads;
    private readonly TaskModules adapters;
    private readonly TaskMap<LearningTask> tasks;

    /// <summary>A model.</summary>
    /// <param name="trunk">Turns inputs into a representation.</param>
    /// <param name="tasks">At least one task; names are distinct.</param>
    /// <exception cref="ArgumentException">There is no task, a name stands twice, or the trunk was built for other tasks.</exception>
    public MultiTaskModel(Trunk trunk, IEnumerable<LearningTask> tasks)
        : base(nameof(MultiTaskModel))
    {
        ArgumentNullException.ThrowIfNull(trunk);
        ArgumentNullException.ThrowIfNull(tasks);
        this.trunk = trunk;
        this.tasks = TaskMap.Create(tasks.Select(t => (t.Name, t)));
        if (this.tasks.Count == 0)
        {
            throw new ArgumentException("A model should have at least one task. Found none.", nameof(tasks));
        }

        if (trunk.Tasks is { } known)
        {
            TaskNames.ExpectKnown(this.tasks.Tasks, known, trunk.GetName());
        }

        heads = new(this.tasks.Values.Select(t => (t.Name, (nn.Module)t.Head)));
        adapters = new(this.tasks.Values.Where(t => t.Adapter is not null).Select(t => (t.Name, t.Adapter!.Module)));
        RegisterComponents();
    }

    /// <summary>The tasks, by name, in order.</summary>
    public TaskMap<LearningTask> Tasks => tasks;

    /// <summary>The trunk.</summary>
    public Trunk Trunk => trunk;

    /// <summary>The outputs of all tasks.</summary>
    /// <param name="input">One tensor, or several.</param>
    public override TaskMap<Tensor> forward(Inputs input) => Outputs(input, tasks.Tasks);

    /// <summary>The outputs of some tasks; towers and heads that these do not need do not run.</summary>
    /// <param name="input">One tensor, or several.</param>
    /// <param name="names">The tasks' names.</param>
    /// <exception cref="KeyNotFoundException">There is no such task.</exception>
    public TaskMap<Tensor> Outputs(Inputs input, IEnumerable<string> names)
    {
        var representations = new Dictionary<nn.Module, Representation>();
        Representation? plain = null;
        return TaskMap.Create(names.Select(name => (name, tasks[name].Head.call(Represent(tasks[name].Adapter).For(name)))));

        Representation Represent(Encoder? adapter) =>
            adapter is null ? plain ??= trunk.call(input)
            : CollectionsMarshal.GetValueRefOrAddDefault(representations, adapter.Module, out _) ??= trunk.call(adapter.Encode(input));
    }

    /// <summary>The outputs of some tasks from a representation.</summary>
    /// <param name="representation">What the trunk made of the inputs, cut or not.</param>
    /// <param name="names">The tasks' names; without, all tasks.</param>
    /// <exception cref="KeyNotFoundException">There is no such task.</exception>
    /// <exception cref="ArgumentException">A task has an adapter: its representation is another one.</exception>
    public TaskMap<Tensor> Outputs(Representation representation, IEnumerable<string>? names = null)
    {
        ArgumentNullException.ThrowIfNull(representation);
        return TaskMap.Create((names ?? tasks.Tasks).Select(name => (name, tasks[name].Adapter is null
            ? tasks[name].Head.call(representation.For(name))
            : throw new ArgumentException($"Task '{name}' should have no adapter, or be run from the inputs: the trunk has not read what its adapter makes of them."))));
    }

    /// <summary>The losses of the tasks that have a label.</summary>
    /// <param name="outputs">The heads' outputs.</param>
    /// <param name="targets">The labels of some or all of these tasks.</param>
    /// <param name="weights">For some or all tasks, a weight for each sample, shape <c>[n]</c>.</param>
    /// <returns>One scalar, the mean over its labels, for each task of <paramref name="targets"/> that has any; possibly none.</returns>
    /// <exception cref="KeyNotFoundException">A task of the targets has no output.</exception>
    /// <exception cref="ArgumentException">A task's output and targets do not fit each other.</exception>
    public TaskMap<Tensor> Losses(TaskMap<Tensor> outputs, TaskMap<Tensor> targets, TaskMap<Tensor>? weights = null)
    {
        ArgumentNullException.ThrowIfNull(outputs);
        ArgumentNullException.ThrowIfNull(targets);
        return TaskMap.Create(targets
            .Select(target => (target.Task, Loss: Loss(tasks[target.Task], Answers.Of(target.Task, outputs[target.Task], target.Value, weights))))
            .Where(loss => loss.Loss is not null)
            .Select(loss => (loss.Task, loss.Loss!)));
    }

    /// <summary>The losses of a batch: outputs and losses in one call.</summary>
    /// <param name="batch">One part, or several.</param>
    /// <returns>
    /// One scalar, the mean over all its labels in the batch, for each task that has any; possibly none. Where a task is in
    /// several parts, its samples are put together first; if their shapes do not allow it (sequences of unlike lengths), each
    /// part's mean counts by the weight of its labels.
    /// </returns>
    public TaskMap<Tensor> Losses(MultiTaskBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var parts = batch.Parts.Select(part => (Data: part, Outputs: Outputs(part.Inputs, part.Targets.Tasks))).ToArray();
        return parts.Length == 1 ? Losses(parts[0].Outputs, parts[0].Data.Targets, parts[0].Data.Weights) : TaskMap.Create(parts
            .SelectMany(part => part.Outputs.Select(output => (output.Task, Answers: Answers.Of(output.Task, output.Value, part.Data.Targets[output.Task], part.Data.Weights))))
            .GroupBy(part => part.Task, part => part.Answers, StringComparer.Ordinal)
            .Select(group => (group.Key, Loss: Loss(tasks[group.Key], [.. group])))
            .Where(loss => loss.Loss is not null)
            .Select(loss => (loss.Key, loss.Loss!)));
    }

    /// <summary>The parameters that the losses of more than one task can reach: where gradients are balanced.</summary>
    /// <remarks>The trunk's, and those of heads and adapters that several tasks were given.</remarks>
    public IEnumerable<Parameter> SharedParameters() => trunk.SharedParameters()
        .Concat(tasks.Tasks.SelectMany(OwnParameters).GroupBy(p => p.Handle).Where(p => p.Count() > 1).Select(p => p.First()))
        .DistinctBy(p => p.Handle);

    /// <summary>The parameters that only one task's loss reaches: of its head, of its adapter and what the trunk keeps for it.</summary>
    /// <param name="task">The task's name.</param>
    /// <exception cref="KeyNotFoundException">There is no such task.</exception>
    public IEnumerable<Parameter> TaskParameters(string task) => OwnParameters(task).ExceptBy(SharedParameters().Select(p => p.Handle), p => p.Handle);

    /// <summary>A scalar to add to the losses, unweighted; <c>null</c> where the trunk has none, or nothing that it depends on needs a gradient.</summary>
    /// <remarks>See <see cref="Trunk.Penalty"/>, which also tells the value of a trunk that is frozen.</remarks>
    public Tensor? Penalty() => trunk.Penalty() is { requires_grad: true } penalty ? penalty : null;

    /// <summary>Goes into training or evaluation mode; modules that are frozen (<see cref="Freezing"/>) stay in evaluation mode.</summary>
    /// <param name="train">Whether to train; true by default.</param>
    public override void train(bool train = true)
    {
        base.train(train);
        if (train)
        {
            Freezing.KeepFrozenInEvaluation(this);
        }
    }

    private IEnumerable<Parameter> OwnParameters(string task) =>
        tasks[task].Head.parameters().Concat(adapters.Of(task)).Concat(trunk.TaskParameters(task)).DistinctBy(p => p.Handle);

    /// <summary>The loss of samples from several parts.</summary>
    private static Tensor? Loss(LearningTask task, Answers[] parts)
    {
        if (Answers.Joined(parts) is { } all)
        {
            return Loss(task, all);
        }

        var means = parts
            .Select(part => (Loss: Loss(task, part), Labels: task.TotalWeight(task.CountLabels(part.Target), part.Target, part.Weights)))
            .Where(part => part.Loss is not null)
            .ToArray();
        var labels = means.Sum(part => part.Labels);
        return means.Select(part => part.Loss! * (part.Labels / labels)).Aggregate((Tensor?)null, (sum, next) => sum is null ? next : sum + next);
    }

    /// <summary>A loss; where the native library refuses, the task says why.</summary>
    private static Tensor? Loss(LearningTask task, Answers answers)
    {
        try
        {
            return task.Loss(answers.Output, answers.Target, answers.Weights);
        }
        catch (ExternalException refusal)
        {
            task.Check(answers.Output, answers.Target);
            throw new ArgumentException($"Task '{task.Name}': the loss of an output of shape {Shape.Of(answers.Output)} could not be computed. {refusal.Message}", refusal);
        }
    }

    /// <summary>What a task answered to some samples, and what it should have.</summary>
    private sealed record Answers(Tensor Output, Tensor Target, Tensor? Weights)
    {
        public static Answers Of(string task, Tensor output, Tensor target, TaskMap<Tensor>? weights) =>
            new(output, target, weights is not null && weights.TryGetValue(task, out var own) ? own : null);

        /// <summary>All samples together, or <c>null</c> where shapes beside the number of samples differ.</summary>
        public static Answers? Joined(IReadOnlyList<Answers> parts) =>
            parts.Count == 1 ? parts[0]
            : !Alike(parts.Select(p => p.Output)) || !Alike(parts.Select(p => p.Target)) ? null
            : new(
                cat([.. parts.Select(p => p.Output)]),
                cat([.. parts.Select(p => p.Target)]),
                parts.All(p => p.Weights is null) ? null : cat([.. parts.Select(p => p.Weights ?? ones([p.Output.shape[0]], p.Output.dtype, p.Output.device))]));

        private static bool Alike(IEnumerable<Tensor> tensors) => tensors.Select(t => Shape.Text(t.shape[1..])).Distinct().Count() == 1;
    }
}
