using System.Globalization;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>How large a model is and what it costs: parameters, and multiply-adds of a sample, shared and by task.</summary>
/// <remarks>
/// <code>
/// var size = ModelSize.Of(model, inputs);
/// Console.WriteLine(size);
/// </code>
/// <para>
/// Multiply-adds are those of one forward pass in evaluation mode, counted call by call: a dense layer of a sample has in × out, a
/// convolution that at each place, recurrent and attention layers by formula; sums over experts, tasks or stages with learned weights
/// count one for each term. What is done number by number (activations, normalisation, biases, masks, scales, pooling) and look-ups count 0, and so
/// do products in a module's <c>forward</c> that are of no module's parameters. <see cref="Uncounted"/> lists modules with parameters whose
/// cost is not known, <see cref="Idle"/> those that were not called.
/// </para>
/// <para>
/// A batch's count is divided by its samples, so that what a batch needs only once (a scale made from a task's embedding) counts its part, and
/// what depends on the length of sequences counts as the batch has it.
/// </para>
/// </remarks>
public sealed class ModelSize
{
    private ModelSize(MultiTaskModel model, TaskMap<double> alone, double together, CountedModules counted, long samples)
    {
        (Alone, Together) = (alone, together);
        (Modules, Uncounted, Idle) = ([.. counted.Sizes(samples)], counted.Uncounted, counted.Idle());
        Total = ParameterCount.Of(model.parameters());
        Shared = ParameterCount.Of(model.SharedParameters());
        Own = model.Tasks.Map((task, _) => ParameterCount.Of(model.TaskParameters(task)));
    }

    /// <summary>All parameters, each once.</summary>
    public ParameterCount Total { get; }

    /// <summary>The parameters that several tasks' losses reach.</summary>
    public ParameterCount Shared { get; }

    /// <summary>The parameters that only one task's loss reaches, by task: its head, and what adapter and trunk keep for it.</summary>
    public TaskMap<ParameterCount> Own { get; }

    /// <summary>What is neither shared nor a task's own: what a penalty of soft sharing learns.</summary>
    public ParameterCount Other => new(
        Total.Trainable - Shared.Trainable - Own.Values.Sum(own => own.Trainable),
        Total.Frozen - Shared.Frozen - Own.Values.Sum(own => own.Frozen));

    /// <summary>The multiply-adds of a sample when all tasks run together.</summary>
    public double Together { get; }

    /// <summary>The multiply-adds of a sample when one task runs alone, by task.</summary>
    public TaskMap<double> Alone { get; }

    /// <summary>The part of the multiply-adds that running the tasks together saves, against running each alone: 1 − together / Σ alone, in [0, 1).</summary>
    public double Saved => Alone.Values.Sum() is > 0 and var apart ? Math.Max(0, 1 - (Together / apart)) : 0;

    /// <summary>The modules that have parameters or cost something, in the order of the model, and what they cost when all tasks run.</summary>
    public IReadOnlyList<ModuleSize> Modules { get; }

    /// <summary>Modules with parameters whose multiply-adds are not known and not counted, with their types: <c>trunk.encoder (MyAttention)</c>.</summary>
    public IReadOnlyList<string> Uncounted { get; }

    /// <summary>
    /// Modules of kinds that cost something which nobody called when all tasks ran: a branch that no task takes at evaluation; or one that is run by
    /// <c>forward</c>, and not by <c>call</c>, and could not be counted.
    /// </summary>
    public IReadOnlyList<string> Idle { get; }

    /// <summary>The size of a model whose tasks all read the same inputs. The model stays as it is.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputs">A sample or more, on the model's device; values do not matter unless they decide what runs.</param>
    public static ModelSize Of(MultiTaskModel model, Inputs inputs)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        return Of(model, [(inputs, model.Tasks.Tasks)]);
    }

    /// <summary>The size of a model whose tasks bring samples of their own.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">For each part the tasks that it has labels of run on its inputs. A task's samples are those of its parts.</param>
    /// <exception cref="ArgumentException">A task of the model is in no part.</exception>
    public static ModelSize Of(MultiTaskModel model, MultiTaskBatch batch)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        var lacking = model.Tasks.Tasks.Except(batch.Parts.SelectMany(part => part.Targets.Tasks), StringComparer.Ordinal).ToArray();
        return lacking.Length == 0
            ? Of(model, [.. batch.Parts.Select(part => (part.Inputs, part.Targets.Tasks))])
            : throw new ArgumentException($"The batch should have a part for each task of the model. There is none for {TaskNames.List(lacking)}.", nameof(batch));
    }

    /// <summary>A table of the parameters and costs, with what could not be counted.</summary>
    public override string ToString()
    {
        string[][] rows =
        [
            ["", "parameters", "multiply-adds a sample", ""],
            ["shared", Text(Shared.Total), "", ""],
            .. Own.Select(own => new[] { own.Task, Text(own.Value.Total), Text(Alone[own.Task]), "alone" }),
            .. Other.Total > 0 ? new[] { new[] { "other", Text(Other.Total), "", "" } } : [],
            ["all", Text(Total.Total), Text(Together), string.Create(CultureInfo.InvariantCulture, $"together, {100 * Saved:0.0} % saved")],
        ];
        string[] notes =
        [
            .. Total.Frozen > 0 ? [$"frozen: {Text(Total.Frozen)}"] : Array.Empty<string>(),
            .. Uncounted.Count > 0 ? [$"not counted: {string.Join(", ", Uncounted)}"] : Array.Empty<string>(),
            .. Idle.Count > 0 ? [$"not called: {string.Join(", ", Idle)}"] : Array.Empty<string>(),
        ];
        return string.Join('\n', [TextTable.Of(rows), .. notes]);
    }

    private static ModelSize Of(MultiTaskModel model, IReadOnlyList<(Inputs Inputs, IReadOnlyList<string> Tasks)> parts)
    {
        var random = RandomState.Capture();
        using var buffers = new BufferCopies(model);
        buffers.Keep();
        try
        {
            using var mode = new ModeScope(model, training: false);
            using var off = no_grad();
            using var counted = new CountedModules(model);
            var alone = model.Tasks.Map((task, _) => Run(model, parts, [task], counted));
            var together = Run(model, parts, model.Tasks.Tasks, counted);
            return new(model, alone, together, counted, parts.Sum(part => part.Inputs.Samples));
        }
        finally
        {
            buffers.Restore();
            RandomState.Restore(random, "the state before the count");
        }
    }

    /// <summary>The multiply-adds of some tasks, for each sample of the parts that they are in.</summary>
    private static double Run(MultiTaskModel model, IReadOnlyList<(Inputs Inputs, IReadOnlyList<string> Tasks)> parts, IReadOnlyList<string> tasks, CountedModules counted)
    {
        counted.Clear();
        var samples = 0L;
        foreach (var (inputs, names) in parts)
        {
            string[] present = [.. names.Intersect(tasks, StringComparer.Ordinal)];
            if (present.Length > 0)
            {
                using var scope = NewDisposeScope();
                model.Outputs(inputs, present);
                samples += inputs.Samples;
            }
        }

        return (double)counted.Total() / samples;
    }

    private static string Text(double number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
