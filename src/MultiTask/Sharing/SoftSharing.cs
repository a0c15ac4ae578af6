using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Soft parameter sharing: a tower for each task, and a penalty on the distance between their weights.</summary>
/// <remarks>
/// <para>
/// The towers start as copies of the first, so that their units correspond. The penalty alone couples them: no parameter
/// is reached by two tasks' losses, so there is nothing for gradient balancers to balance, and each tower follows its own
/// loss and the penalty.
/// </para>
/// <para>As the penalty's strength goes to 0 this is <see cref="SingleTask"/>; as it grows, one common tower.</para>
/// <para>
/// The penalty is added to the losses (<see cref="Penalty"/>), or applied as a step of its own (<see cref="EndStep"/>,
/// W ← prox(W) with the learning rate as step: proximal gradient descent with plain SGD, an approximation to it with
/// optimizers that have a rate for each parameter). What a penalty itself learns is reached by no loss: it is in
/// <see cref="MixingParameters"/>, and neither shared nor a task's own.
/// </para>
/// </remarks>
public sealed class SoftSharing : Trunk
{
    private readonly Towers towers;
    private readonly SharingPenalty penalty;
    private readonly Clock? clock;
    private readonly Func<SharingClock, double> schedule;
    private readonly bool proximal;
    private readonly Dictionary<string, double> weights;

    /// <summary>A tower for each task, held together by a penalty.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="tower">Makes a new encoder on each call, always of the same shape.</param>
    /// <param name="penalty">The penalty on corresponding parameters. From here on it belongs to the trunk.</param>
    /// <param name="layerWeight">
    /// How much the penalty counts for a parameter, by its name in the tower (<c>0.weight</c>, <c>fc.bias</c>), ≥ 0; 1 by
    /// default. 0 leaves the parameter to its task. Asked once.
    /// </param>
    /// <param name="schedule">
    /// What the penalty is multiplied by, ≥ 0, by the steps and epochs that have passed: to warm it up, or to let go; 1 by
    /// default.
    /// </param>
    /// <param name="proximal">
    /// Whether the penalty is applied as a proximal step after each step of the optimizer, instead of by its gradient; for a
    /// <see cref="ProximalPenalty"/>. False by default.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The towers' parameters differ in name or shape, a weight is negative or not finite, the schedule begins so, or the
    /// penalty has no proximal step.
    /// </exception>
    public SoftSharing(
        IEnumerable<string> tasks,
        Func<Encoder> tower,
        SharingPenalty penalty,
        Func<string, double>? layerWeight = null,
        Func<SharingClock, double>? schedule = null,
        bool proximal = false)
        : base(nameof(SoftSharing))
    {
        ArgumentNullException.ThrowIfNull(penalty);
        this.penalty = penalty;
        this.proximal = proximal;
        this.schedule = schedule ?? (_ => 1);
        if (proximal && penalty is not ProximalPenalty)
        {
            throw new ArgumentException($"`penalty` should be a ProximalPenalty where `proximal` is set. Found {penalty.GetName()}.", nameof(penalty));
        }

        clock = schedule is null ? null : new();
        Strength();
        towers = new(tasks, tower);
        weights = towers.Layers().ToDictionary(layer => layer.Name, layer => Checked(layer.Name, (layerWeight ?? (_ => 1))(layer.Name)), StringComparer.Ordinal);
        StartAlike();
        penalty.Begin(Layers());
        RegisterComponents();
    }

    /// <summary>A tower for each task, held together by a penalty.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="tower">Makes a new encoder on each call, always of the same shape.</param>
    /// <param name="penalty">The penalty on corresponding parameters. From here on it belongs to the trunk.</param>
    /// <param name="layerWeight">
    /// How much the penalty counts for a parameter, by its name in the tower (<c>0.weight</c>, <c>fc.bias</c>), ≥ 0; 1 by
    /// default. 0 leaves the parameter to its task. Asked once.
    /// </param>
    /// <param name="schedule">
    /// What the penalty is multiplied by, ≥ 0, by the steps and epochs that have passed: to warm it up, or to let go; 1 by
    /// default.
    /// </param>
    /// <param name="proximal">
    /// Whether the penalty is applied as a proximal step after each step of the optimizer, instead of by its gradient; for a
    /// <see cref="ProximalPenalty"/>. False by default.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The towers' parameters differ in name or shape, a weight is negative or not finite, the schedule begins so, or the
    /// penalty has no proximal step.
    /// </exception>
    public SoftSharing(
        IEnumerable<LearningTask> tasks,
        Func<Encoder> tower,
        SharingPenalty penalty,
        Func<string, double>? layerWeight = null,
        Func<SharingClock, double>? schedule = null,
        bool proximal = false)
        : this(tasks.Select(t => t.Name), tower, penalty, layerWeight, schedule, proximal)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => towers.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => [];

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => towers.Of(task);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => towers.call(input);

    /// <summary>The parameters that the penalty learns, such as the coefficients of <see cref="GTTN"/>; most learn none.</summary>
    public override IEnumerable<Parameter> MixingParameters() => penalty.parameters();

    /// <summary>
    /// Schedule × the sum over the towers' parameters of layer weight × penalty; <c>null</c> where there is nothing to charge
    /// for. Where the penalty is a proximal step it is only what the penalty itself learns from: <c>null</c> for most.
    /// </summary>
    /// <exception cref="ArgumentException">The schedule gives a negative number, or one that is not finite.</exception>
    public override Tensor? Penalty()
    {
        if (proximal && !penalty.parameters().Any())
        {
            return null;
        }

        using var scope = NewDisposeScope();
        var terms = Layers().Select(layer => penalty.Of(proximal ? layer.Detached() : layer) * layer.Weight);
        var sum = terms.Aggregate((Tensor?)null, (sum, term) => sum is null ? term : sum + term);
        return (clock is null || sum is null ? sum : sum * Strength())?.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Makes the proximal step, where the penalty is one, and moves the clocks on. A parameter that is frozen in one of the
    /// towers stays as it is in all.
    /// </summary>
    /// <param name="learningRate">The learning rate of the step, ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="learningRate"/> is negative or not finite.</exception>
    /// <exception cref="ArgumentException">The schedule gives a negative number, or one that is not finite.</exception>
    public override void EndStep(double learningRate)
    {
        Arguments.NonNegative(learningRate, nameof(learningRate));
        using var scope = NewDisposeScope();
        var layers = Layers();
        if (proximal)
        {
            var step = learningRate * Strength();
            foreach (var layer in layers.Where(l => l.Parameters.Values.All(p => p.requires_grad)))
            {
                ((ProximalPenalty)penalty).Prox(layer, step * layer.Weight);
            }
        }

        penalty.EndStep(layers);
        clock?.EndStep();
    }

    /// <inheritdoc/>
    public override void EndEpoch()
    {
        using var scope = NewDisposeScope();
        penalty.EndEpoch(Layers());
        clock?.EndEpoch();
    }

    /// <summary>The parameters that the penalty charges for, as each task has them, with their weights.</summary>
    /// <remarks>To look at, or to hand to what a penalty tells of a layer, such as <see cref="MeanRegularization.Common"/> or <see cref="DirtyModel.Parts"/>.</remarks>
    public IReadOnlyList<SharedLayer> Layers() =>
    [
        .. towers.Layers()
            .Where(layer => weights[layer.Name] > 0)
            .Select(layer => new SharedLayer(layer.Name, TaskMap.Create(towers.Tasks.Zip(layer.OfTasks, (task, p) => (task, (Tensor)p))), weights[layer.Name])),
    ];

    private double Strength()
    {
        var strength = schedule(clock?.Now ?? default);
        return strength >= 0 && double.IsFinite(strength)
            ? strength
            : throw new ArgumentException($"`schedule` should give non-negative and finite numbers. Found {strength} at {clock?.Now}.");
    }

    private static double Checked(string layer, double weight) => weight >= 0 && double.IsFinite(weight)
        ? weight
        : throw new ArgumentException($"The layer weight of '{layer}' should be non-negative and finite. Found {weight}.");

    private void StartAlike()
    {
        using var off = no_grad();
        var tensors = towers.Layers().Select(layer => (layer.Name, OfTasks: (IReadOnlyList<Tensor>)layer.OfTasks)).Concat(towers.Buffers());
        foreach (var (name, layer) in tensors)
        {
            if (layer.Count < towers.Tasks.Count)
            {
                throw new ArgumentException($"Towers should have the same parameters and buffers. '{name}' is in {layer.Count} of {towers.Tasks.Count}.");
            }

            foreach (var parameter in layer.Skip(1))
            {
                if (!parameter.shape.SequenceEqual(layer[0].shape) || parameter.dtype != layer[0].dtype)
                {
                    throw new ArgumentException(
                        $"Towers should have the same shapes and types. '{name}' is {layer[0].dtype} {Shape.Of(layer[0])} in one and {parameter.dtype} {Shape.Of(parameter)} in another.");
                }

                parameter.copy_(layer[0]);
            }
        }
    }
}
