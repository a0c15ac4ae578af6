using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Learning to branch: layers of parallel branches, where each branch and each task learns which branch below it continues. At
/// evaluation the network is a tree.
/// </summary>
/// <remarks>
/// <para>
/// Guo, Lee and Ulbricht, <i>Learning to Branch for Multi-Task Learning</i> (ICML 2020): in training a child draws its parent by
/// Gumbel's trick, argmax(log θ + g), once for each pass, and the gradient is that of the softmax at the temperature; at
/// evaluation it has the likeliest parent, and branches that no task continues do not run. θ starts uniform.
/// </para>
/// <para>
/// The paper cools the temperature down in training, which <c>temperature</c> is for, warms the network up with uniform draws (exclude
/// <see cref="MixingParameters"/> from the optimizer for a while), and may train the found tree anew.
/// LibMTL draws at evaluation too. Draws are torch's, as dropout's are.
/// </para>
/// </remarks>
public sealed class LTB : Trunk
{
    private readonly RoutedStacks stacks;
    private readonly Routes routes;
    private readonly Clock? clock;
    private readonly Func<SharingClock, double> temperature;

    /// <summary>Layers of branches.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="branches">The number of branches in each layer, at least 1; the number of tasks lets each have its own.</param>
    /// <param name="layers">
    /// Makes a new stack of encoders on each call, one for each layer: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a layer are of one shape.
    /// </param>
    /// <param name="temperature">τ > 0, by the steps and epochs that have passed: the lower, the steeper the gradient of a draw; 1 by default.</param>
    /// <exception cref="ArgumentException">A module comes twice, or stacks differ in depth.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range, or a stack is empty.</exception>
    public LTB(IEnumerable<string> tasks, int branches, Func<IReadOnlyList<Encoder>> layers, Func<SharingClock, double>? temperature = null)
        : base(nameof(LTB))
    {
        ArgumentNullException.ThrowIfNull(layers);
        this.temperature = temperature ?? (_ => 1);
        clock = temperature is null ? null : new();
        _ = Temperature;
        stacks = new(tasks, Arguments.AtLeastOne(branches, nameof(branches)), layers, null, nameof(layers));
        var like = stacks.parameters().FirstOrDefault();
        routes = new(stacks, branches, shape => nn.Parameter(zeros(shape, like?.dtype ?? ScalarType.Float32, like?.device ?? CPU).DetachFromDisposeScope()));
        RegisterComponents();
    }

    /// <summary>Layers of branches.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="branches">The number of branches in each layer, at least 1; the number of tasks lets each have its own.</param>
    /// <param name="layers">
    /// Makes a new stack of encoders on each call, one for each layer: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a layer are of one shape.
    /// </param>
    /// <param name="temperature">τ > 0, by the steps and epochs that have passed: the lower, the steeper the gradient of a draw; 1 by default.</param>
    /// <exception cref="ArgumentException">A module comes twice, or stacks differ in depth.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range, or a stack is empty.</exception>
    public LTB(IEnumerable<LearningTask> tasks, int branches, Func<IReadOnlyList<Encoder>> layers, Func<SharingClock, double>? temperature = null)
        : this(tasks.Select(t => t.Name), branches, layers, temperature)
    {
    }

    /// <summary>τ as it is now.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The schedule gives a number that is not positive and finite.</exception>
    public double Temperature => Arguments.Positive(temperature(clock?.Now ?? default), nameof(temperature));

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => stacks.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => stacks.parameters().Concat(routes.Between);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => [routes.Of(task)];

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => routes.All;

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => MixtureRecord.Of(records => Run(inputs, records), Tasks);

    /// <summary>Moves the clock of the temperature on.</summary>
    /// <param name="learningRate">The learning rate of the step; of no account here.</param>
    public override void EndStep(double learningRate) => clock?.EndStep();

    /// <summary>Moves the clock of the temperature on.</summary>
    public override void EndEpoch() => clock?.EndEpoch();

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => Run(input, null);

    private Representation Run(Inputs input, List<MixtureRecord>? records) =>
        routes.Run(stacks, input, training ? Drawn : Likeliest, prune: !training, records);

    /// <summary>A draw, with the gradient of the softmax.</summary>
    private Tensor Drawn(Tensor logits)
    {
        var gumbel = -(-rand_like(logits).clamp(1e-6, 1 - 1e-6).log()).log();
        var soft = ((logits.log_softmax(-1) + gumbel) / Temperature).softmax(-1);
        return Likeliest(soft) + (soft - soft.detach());
    }

    private static Tensor Likeliest(Tensor scores) =>
        zeros_like(scores.detach()).scatter(-1, scores.detach().argmax(-1, keepdim: true), ones_like(scores.detach()));
}
