using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Entire-space multi-task model: tasks are steps that follow each other, such as click and conversion, and the probability of
/// a step is the product of the conditional ones up to it.
/// </summary>
/// <remarks>
/// <para>
/// Ma et al., <i>Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion Rate</i> (SIGIR
/// 2018): pCTCVR = pCTR · pCVR, with losses on the click and on click-and-conversion over all impressions. A tower for each step gives the
/// logit of P(step | step before); that probability is never fitted by itself, where it could only be on the clicked
/// samples, and is read with <see cref="Conditionals"/>. The paper's chain has two steps; ours has as many as there are tasks, and a chain
/// of one is its tower.
/// </para>
/// <para>
/// The representation of a task is the logit of its product, <c>[n, 1]</c>, so heads are <c>Identity()</c> and tasks binary.
/// It is found without leaving log space: of two probabilities with logits a ≤ b it is a − s(s(a) − b), with s(x) = log(1 + eˣ), because
/// (1 − pq)/pq = e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ. So neither value nor gradient overflows or vanishes where a probability rounds to 0 or 1,
/// and a later step's logit never exceeds that of an earlier one.
/// </para>
/// <para>
/// The label of a step is whether it and all before it happened: a conversion is 0 where there was no click, and is missing
/// only where it is not known. A step's loss reaches its tower and those of all steps before, hence these are shared.
/// </para>
/// </remarks>
public sealed class ESMM : Trunk
{
    private readonly Trunk inner;
    private readonly Towers towers;
    private readonly Chain chain;

    /// <summary>A tower for each step of a chain, on a trunk.</summary>
    /// <param name="tasks">The tasks' names, in the order of the chain.</param>
    /// <param name="trunk">Gives the representation that the towers read. From here on it belongs to this trunk.</param>
    /// <param name="tower">Makes a new encoder on each call, from the trunk's representation to one logit, <c>[n, 1]</c>.</param>
    /// <exception cref="ArgumentException">There is no task, a name or a module comes twice, or the trunk was built for other tasks.</exception>
    public ESMM(IEnumerable<string> tasks, Trunk trunk, Func<Encoder> tower)
        : base(nameof(ESMM))
    {
        inner = trunk;
        towers = new(tasks, tower);
        chain = new(trunk, towers);
        RegisterComponents();
    }

    /// <summary>A tower for each step of a chain, on a trunk.</summary>
    /// <param name="tasks">The tasks, in the order of the chain.</param>
    /// <param name="trunk">Gives the representation that the towers read. From here on it belongs to this trunk.</param>
    /// <param name="tower">Makes a new encoder on each call, from the trunk's representation to one logit, <c>[n, 1]</c>.</param>
    /// <exception cref="ArgumentException">There is no task, a name or a module comes twice, or the trunk was built for other tasks.</exception>
    public ESMM(IEnumerable<LearningTask> tasks, Trunk trunk, Func<Encoder> tower)
        : this(tasks.Select(t => t.Name), trunk, tower)
    {
    }

    /// <summary>The tasks, in the order of the chain.</summary>
    public override IReadOnlyCollection<string> Tasks => chain.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => chain.Shared();

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => chain.Own(task);

    /// <inheritdoc/>
    public override bool MixesInOrderOfTasks => inner.MixesInOrderOfTasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => inner.MixingParameters();

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => inner.Mixtures(inputs);

    /// <inheritdoc/>
    public override Tensor? Penalty() => inner.Penalty();

    /// <inheritdoc/>
    public override void EndStep(double learningRate) => inner.EndStep(learningRate);

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <summary>The probability of each step given that the one before it happened, such as that of a conversion after a click.</summary>
    /// <param name="inputs">What the trunk reads.</param>
    /// <returns>For each task <c>[n, 1]</c>, from 0 to 1; of the first the probability itself.</returns>
    /// <remarks>Runs without gradients, in the mode that the trunk is in.</remarks>
    public TaskMap<Tensor> Conditionals(Inputs inputs)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        var below = inner.call(inputs);
        return TaskMap.Create(chain.Tasks.Select((task, step) => (task, Logit(below, step).sigmoid().MoveToOuterDisposeScope())));
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        var below = inner.call(input);
        var products = new Tensor?[chain.Length];
        return new(task => Product(chain.StepOf(task)));

        Tensor Product(int step) =>
            products[step] ??= step == 0 ? Logit(below, 0) : Both(Product(step - 1), Logit(below, step));
    }

    private Tensor Logit(Representation below, int step) => chain.Encode(below, step, width: 1);

    /// <summary>The logit of the product of two probabilities, from their logits.</summary>
    private static Tensor Both(Tensor a, Tensor b)
    {
        var (low, high) = (minimum(a, b), maximum(a, b));
        return low - Softplus(Softplus(low) - high);

        // log(1 + eˣ), which is x to the last bit of a double from 50 on (20, the default threshold, is enough for floats only).
        static Tensor Softplus(Tensor x) => nn.functional.softplus(x, beta: 1, threshold: 50);
    }
}
