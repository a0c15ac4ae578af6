using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Adaptive information transfer: tasks are steps that follow each other, such as click and conversion, and each takes what it needs of the
/// step before, by attention.
/// </summary>
/// <remarks>
/// <para>
/// Xi et al., <i>Modeling the Sequential Dependence among Audience Multi-step Conversions with Multi-task Learning in Targeted
/// Display Advertising</i> (KDD 2021): qₜ is the tower of step t on the trunk's representation; z₁ = q₁, and
/// zₜ = Σ wᵤ h₁(u) over u in {pₜ₋₁, qₜ}, where pₜ₋₁ = gₜ₋₁(zₜ₋₁) and w = softmax(⟨h₂(u), h₃(u)⟩/√k). An output layer gives the logit of
/// the step from zₜ.
/// </para>
/// <para>
/// As in the authors' code, h₁, h₂ and h₃ are linear, without bias, the same for all steps, and start from N(0, 0.01²); g is a
/// dense layer and ReLU for each step, and it and the output layers start as Glorot and Bengio have it, with biases of 0. Their dropout
/// after g (and batch normalisation in it) is left to <c>transfer</c>.
/// </para>
/// <para>
/// The representation of a task is its logit, <c>[n, 1]</c>, so heads are <c>Identity()</c> and tasks binary.
/// <see cref="Penalty"/> is the paper's calibrator, α Σₜ mean(max(ŷₜ − ŷₜ₋₁, 0)): a later step should not be likelier than the one
/// before. It is part of the graph of the last training pass, over all of its samples, labelled or not.
/// </para>
/// <para>
/// A step's loss reaches the towers of all steps before, hence these are shared; the output layers are the tasks' own. In a
/// chain of two, attention and transfer are the second task's own.
/// </para>
/// </remarks>
public sealed class AITM : Trunk
{
    private static readonly string[] Parts = ["before", "own"];

    private readonly Trunk inner;
    private readonly Towers towers;
    private readonly TaskModules transfers;
    private readonly ChainAttention? attention;
    private readonly NamedModules<Linear> outputs;
    private readonly Chain chain;
    private readonly Encoder[] transfer;
    private readonly int width;
    private readonly double calibration;
    private Tensor?[] last = [];

    /// <summary>A tower for each step of a chain, on a trunk, and a transfer from each step to the next.</summary>
    /// <param name="tasks">The tasks' names, in the order of the chain.</param>
    /// <param name="trunk">Gives the representation that the towers read. From here on it belongs to this trunk.</param>
    /// <param name="tower">Makes a new encoder on each call, from the trunk's representation to k numbers, <c>[n, k]</c>.</param>
    /// <param name="transfer">
    /// g: makes a new encoder on each call, from <c>[n, k]</c> to <c>[n, k]</c>, for what one step passes to the next; a dense layer
    /// and ReLU by default. The one from step t − 1 to t is kept under the name of task t.
    /// </param>
    /// <param name="calibration">α ≥ 0, the strength of the calibrator; 0.6 by default, as in the paper. 0 turns it off.</param>
    /// <param name="width">k, at least 1; told by the last dense layer of the tower by default.</param>
    /// <exception cref="ArgumentException">
    /// There is no task, a name or a module comes twice, the trunk was built for other tasks, or the tower does not tell its width.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public AITM(IEnumerable<string> tasks, Trunk trunk, Func<Encoder> tower, Func<Encoder>? transfer = null, double calibration = 0.6, int? width = null)
        : base(nameof(AITM))
    {
        this.calibration = Arguments.NonNegative(calibration, nameof(calibration));
        inner = trunk;
        towers = new(tasks, tower);
        chain = new(trunk, towers);
        this.width = width is { } given ? Arguments.AtLeastOne(given, nameof(width)) : Told();
        var (dtype, device) = towers.parameters().FirstOrDefault() is { } first ? (first.dtype, first.device) : (ScalarType.Float32, CPU);
        this.transfer = new FreshModules().Some(chain.Length - 1, transfer ?? DenseAndReLU, nameof(transfer));
        transfers = new(chain.Tasks.Skip(1).Zip(this.transfer, (task, g) => (task, g.Module)));
        attention = chain.Length > 1 ? new(this.width, dtype, device) : null;
        outputs = new(chain.Tasks, _ => Dense(1));
        RegisterComponents();

        Encoder DenseAndReLU() => nn.Sequential(Dense(this.width), new Rectification());

        Linear Dense(int to)
        {
            var layer = nn.Linear(this.width, to, dtype: dtype, device: device);
            nn.init.xavier_uniform_(layer.weight!);
            nn.init.zeros_(layer.bias!);
            return layer;
        }
    }

    /// <summary>A tower for each step of a chain, on a trunk, and a transfer from each step to the next.</summary>
    /// <param name="tasks">The tasks, in the order of the chain.</param>
    /// <param name="trunk">Gives the representation that the towers read. From here on it belongs to this trunk.</param>
    /// <param name="tower">Makes a new encoder on each call, from the trunk's representation to k numbers, <c>[n, k]</c>.</param>
    /// <param name="transfer">
    /// g: makes a new encoder on each call, from <c>[n, k]</c> to <c>[n, k]</c>, for what one step passes to the next; a dense layer
    /// and ReLU by default. The one from step t − 1 to t is kept under the name of task t.
    /// </param>
    /// <param name="calibration">α ≥ 0, the strength of the calibrator; 0.6 by default, as in the paper. 0 turns it off.</param>
    /// <param name="width">k, at least 1; told by the last dense layer of the tower by default.</param>
    /// <exception cref="ArgumentException">
    /// There is no task, a name or a module comes twice, the trunk was built for other tasks, or the tower does not tell its width.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public AITM(IEnumerable<LearningTask> tasks, Trunk trunk, Func<Encoder> tower, Func<Encoder>? transfer = null, double calibration = 0.6, int? width = null)
        : this(tasks.Select(t => t.Name), trunk, tower, transfer, calibration, width)
    {
    }

    /// <summary>The tasks, in the order of the chain.</summary>
    public override IReadOnlyCollection<string> Tasks => chain.Tasks;

    /// <summary>Attention and transfers serve the second step and all after it, but the last transfer only the last step.</summary>
    private IEnumerable<Parameter> Attending => attention?.parameters() ?? [];

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => chain.Shared()
        .Concat(chain.Tasks.SkipLast(1).SelectMany(transfers.Of))
        .Concat(chain.Length > 2 ? Attending : []);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => chain.Own(task)
        .Concat(chain.IsLast(task) ? transfers.Of(task) : [])
        .Concat(chain.IsLast(task) && chain.Length == 2 ? Attending : [])
        .Concat(outputs.Find(task)?.parameters() ?? []);

    /// <summary>Those of the inner trunk, and the projections h₂ and h₃, of which the weights of the attention are made.</summary>
    public override bool MixesInOrderOfTasks => inner.MixesInOrderOfTasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => inner.MixingParameters().Concat(attention?.Weighing ?? []);

    /// <summary>What each step from the second on takes from the step before and from its own tower; then those of the inner trunk.</summary>
    /// <param name="inputs">The samples for which to tell, averaged over.</param>
    /// <remarks>Runs without gradients, in the mode that the trunk is in.</remarks>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) =>
        [.. MixtureRecord.Of(records => Run(inputs, new Tensor?[chain.Length], records), Tasks), .. inner.Mixtures(inputs)];

    /// <summary>The calibrator, and what the inner trunk charges.</summary>
    /// <returns>
    /// A scalar ≥ 0, part of the graph of the last training pass, over each pair of neighbours in the chain that were both asked for in
    /// it; <c>null</c> if there is nothing to charge for, as when there was no such pass, or a step has followed it. Of a batch of several
    /// parts it is the last part's.
    /// </returns>
    /// <exception cref="InvalidOperationException">The outputs of the last training pass have been disposed.</exception>
    public override Tensor? Penalty()
    {
        using var scope = NewDisposeScope();
        var (own, below) = (Calibrator(), inner.Penalty());
        return (own is null ? below : below is null ? own : own + below)?.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void EndStep(double learningRate)
    {
        last = [];
        inner.EndStep(learningRate);
    }

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        var logits = new Tensor?[chain.Length];
        if (calibration > 0 && training && is_grad_enabled())
        {
            last = logits;
        }

        return Run(input, logits, null);
    }

    /// <summary>Runs the chain as far as it is asked for.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="logits">Takes in those that are computed.</param>
    /// <param name="records">Take in the weights of the attention.</param>
    private Representation Run(Inputs input, Tensor?[] logits, List<MixtureRecord>? records)
    {
        var below = inner.call(input);
        var states = new Tensor?[chain.Length];
        var record = attention is null ? null : MixtureRecord.Start(records, "attention", () => Parts);
        return new(task => logits[chain.StepOf(task)] = outputs.Of(task).call(State(chain.StepOf(task))));

        Tensor State(int step) => states[step] ??= step == 0 ? Own(0) : Transferred(step);

        Tensor Own(int step) => chain.Encode(below, step, width);

        Tensor Transferred(int step)
        {
            var own = Own(step);
            var before = Chain.Expect(transfer[step - 1].Encode(State(step - 1)), own.shape[0], width, $"The transfer to '{chain.Tasks[step]}'");
            var (weights, mixed) = attention!.Mix(before, own);
            record?.Add(chain.Tasks[step], weights);
            return mixed;
        }
    }

    private Tensor? Calibrator()
    {
        if (last.Any(logit => logit is { IsInvalid: true }))
        {
            throw new InvalidOperationException(
                "The penalty is part of the graph of the last training pass. " +
                "Found its outputs disposed. Call Penalty() in their dispose scope.");
        }

        var excess = last.Zip(last.Skip(1))
            .Where(pair => pair.First is not null && pair.Second is not null)
            .Select(pair => (pair.Second!.sigmoid() - pair.First!.sigmoid()).Rectified().mean())
            .Aggregate((Tensor?)null, (sum, next) => sum is null ? next : sum + next);
        return excess is null ? null : excess * calibration;
    }

    private int Told() => Channels.Said(towers.children().First()) is > 0 and var told ? told : throw new ArgumentException(
        $"How wide the towers' output is can be told from towers that end with a Linear. Found {towers.children().First().GetName()}. Give `width`.");
}
