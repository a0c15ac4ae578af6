using MultiTask.Diagnostics;
using MultiTask.Numerics;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>The upper level of a bilevel method: a caller's function of losses on held-out data, and the parameters that it depends on.</summary>
/// <remarks>
/// What the caller's functions change on the way is put back: running statistics, as far as they were given, and torch's
/// global random numbers. They draw theirs from a seed of the method's, another in each step, so that a batch that is drawn
/// at random is another one in each step.
/// </remarks>
internal sealed class HeldOutLosses : nn.Module
{
    private readonly Func<TaskMap<Tensor>> validation;
    private readonly IEnumerable<Parameter> all;
    private readonly IEnumerable<Tensor> statistics;
    private readonly string method;
    private readonly Draws draws;

    /// <param name="validation">Gives the losses of a batch of held-out data, with the parameters as they are.</param>
    /// <param name="parameters">The model's parameters; asked for in each step.</param>
    /// <param name="buffers">The model's buffers; asked for in each step.</param>
    /// <param name="seed">Of the random numbers that the caller's functions draw.</param>
    /// <param name="method">What messages call the method.</param>
    /// <exception cref="ArgumentException">There is no parameter.</exception>
    public HeldOutLosses(Func<TaskMap<Tensor>> validation, IEnumerable<Parameter> parameters, IEnumerable<Tensor>? buffers, long seed, string method)
        : base(nameof(HeldOutLosses))
    {
        ArgumentNullException.ThrowIfNull(validation);
        ArgumentNullException.ThrowIfNull(parameters);
        if (!parameters.Any())
        {
            throw new ArgumentException("`parameters` should be the model's parameters. Found none.", nameof(parameters));
        }

        (this.validation, all, statistics, this.method) = (validation, parameters, buffers ?? [], method);
        draws = new(seed);
        RegisterComponents();
    }

    /// <summary>The parameters of a model, as they are when they are asked for: a model that is moved may get new ones.</summary>
    public static IEnumerable<Parameter> ParametersOf(nn.Module model)
    {
        foreach (var parameter in model.parameters())
        {
            yield return parameter;
        }
    }

    /// <summary>The buffers of a model, as they are when they are asked for.</summary>
    public static IEnumerable<Tensor> BuffersOf(nn.Module model)
    {
        foreach (var buffer in model.buffers())
        {
            yield return buffer;
        }
    }

    /// <summary>The leaves to differentiate by: the parameters, and the shared ones that are not among them.</summary>
    public IReadOnlyList<Tensor> Leaves(IEnumerable<Tensor> shared) =>
        Balancing.Leaves.Checked(all.Concat(shared).DistinctBy(p => p.Handle));

    /// <summary>The gradients of the held-out losses of some tasks, or of one sum of them.</summary>
    /// <param name="tasks">The tasks that are needed.</param>
    /// <param name="known">All tasks of the method.</param>
    /// <param name="leaves">The leaves to differentiate by.</param>
    /// <param name="sum">Whether one row, of the sum, is enough.</param>
    /// <exception cref="ArgumentException">A task that is needed has no loss, or one that is no scalar or needs no gradient; there is a task that the method was not built for.</exception>
    /// <exception cref="NonFiniteException">A loss that is needed, or its gradient, is NaN or infinite.</exception>
    public Jacobian Gradients(IReadOnlyList<string> tasks, IReadOnlyList<string> known, IReadOnlyList<Tensor> leaves, bool sum) => Undisturbed(NextSeed(), () =>
    {
        var losses = validation();
        TaskNames.ExpectKnown(losses.Tasks, known, method);
        var needed = Checked(losses, tasks, "validation", "validation loss");
        if (needed.FirstOrDefault(loss => !loss.Value.requires_grad).Task is { } constant)
        {
            throw new ArgumentException($"Task '{constant}': the loss that `validation` gives should depend on a parameter that requires a gradient. It does not.");
        }

        if (sum)
        {
            needed = [("sum", needed.Values.Aggregate((total, next) => total + next))];
        }

        var gradients = Jacobian.OfMicroBatches([new MicroBatchLosses(needed)], leaves);
        var norm = GradientNorm.Of([gradients.Matrix]);
        return double.IsFinite(norm) ? gradients : throw new NonFiniteException(tasks, "gradient of the validation loss", norm);
    });

    /// <summary>A seed for one step.</summary>
    public long NextSeed() => draws.Next().NextInt64();

    /// <summary>Does something with functions of the caller's, and puts back running statistics and random numbers.</summary>
    /// <param name="seed">Of the random numbers that they draw.</param>
    /// <param name="work">What to do; graphs of losses are to be freed in it, since some have running statistics in them.</param>
    public T Undisturbed<T>(long seed, Func<T> work)
    {
        using var kept = new TensorCopies(statistics);
        using var random = new OwnRandomNumbers(seed);
        return work();
    }

    /// <summary>The losses of some tasks: there, scalar, finite.</summary>
    /// <param name="losses">What a function of the caller's gave.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="argument">The function's name.</param>
    /// <param name="what">What the losses are.</param>
    public TaskMap<Tensor> Checked(TaskMap<Tensor> losses, IReadOnlyList<string> tasks, string argument, string what)
    {
        if (tasks.FirstOrDefault(task => !losses.Contains(task)) is { } missing)
        {
            throw new ArgumentException($"Task '{missing}': `{argument}` should give its loss, which {method} needs. Found losses for {TaskNames.List(losses.Tasks)}.");
        }

        var needed = TaskMap.Create(tasks.Select(task => (task, losses[task])));
        foreach (var (task, loss) in needed)
        {
            if (loss.dim() != 0)
            {
                throw new ArgumentException($"Task '{task}': `{argument}` should give a scalar. Found shape {Shape.Of(loss)}.");
            }
        }

        foreach (var (task, value) in HostValues.Of(needed))
        {
            if (!double.IsFinite(value))
            {
                throw new NonFiniteException(task, what, value);
            }
        }

        return needed;
    }

    /// <summary>Inner products of all rows of both, in float64: first the held-out rows, then the training rows.</summary>
    public static Gramian Products(Jacobian heldOut, Jacobian train)
    {
        using var scope = NewDisposeScope();
        var names = heldOut.Losses.Select(l => (Name(l.Task), l.Value)).Concat(train.Losses);
        return Gramian.Of(new Jacobian(cat([heldOut.Matrix, train.Matrix]), TaskMap.Create(names)));
    }

    public void Clear() => draws.Clear();

    private static string Name(string task) => $"{task} (validation)";
}
