using MultiTask.Diagnostics;
using MultiTask.Numerics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Mixture of experts of which each task selects at most k, by a gate that is sparse and yet smooth enough for gradients.
/// </summary>
/// <remarks>
/// <para>
/// Hazimeh et al., <i>DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to Multi-Task Learning</i>
/// (NeurIPS 2021): a gate is Σⱼ softmax(w)ⱼ r(zⱼ), where r(z)ᵢ = Π over the digits of i of S(z) or 1 − S(z), and S is the smooth
/// step: 0 up to −γ/2, 1 from γ/2, and −2t³/γ³ + 3t/(2γ) + ½ between. The codes z start uniform in ±γ/100 and w in ±0.05, as in the
/// authors' code.
/// </para>
/// <para>
/// Static gates, the default, learn one selection for a task; at evaluation, experts that no task selected do not run. Gates
/// for each sample read the inputs: z = G x and w = W x, by default without the bias that the authors' code has.
/// </para>
/// <para>
/// <see cref="Penalty"/> is the paper's regulariser: λ × the entropy of the selectors, so that they decide; and, where the number of
/// experts is no power of 2, Σ 1/Σᵢ r(z)ᵢ, which keeps them from codes of no expert. Ours is 1 less for each selector, hence 0 where
/// nothing is to be kept from, and it is finite where the authors' is not (Σ is at least 1e-6 there, and the entropy's
/// logarithm is of at least 1e-6). Both are means over samples; the authors' code sums over the batch, so that with gates for each
/// sample λ here does as much as λ divided by the size of the batch there. In LibMTL the entropy never reaches the loss, and γ is ignored.
/// </para>
/// </remarks>
public sealed class DSelectK : Trunk
{
    private readonly Experts experts;
    private readonly TaskModules gates;
    private readonly TaskMap<SelectorGate> byTask;
    private readonly double entropy;
    private readonly bool perSample;
    private readonly List<(string Task, Tensor Chosen)> passes = [];
    private bool charged;

    /// <summary>Experts, and a gate for each task.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of experts n, at least 2.</param>
    /// <param name="k">How many experts a task selects at most, in 1…n.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="perSample">Whether gates read the inputs, by a linear map with the paper's initialisation. <c>false</c> by default.</param>
    /// <param name="gate">
    /// Makes a new gate for each sample on each call, from the number m of numbers that it gives: an encoder of the inputs to
    /// <c>[samples, m]</c>, the codes of the k selectors and then their k weights. For inputs of which <paramref name="perSample"/>
    /// cannot tell how wide they are.
    /// </param>
    /// <param name="entropy">λ ≥ 0; 1e-6 by default. The larger, the sooner a gate decides.</param>
    /// <param name="gamma">γ > 0, the width of the smooth step; 1 by default.</param>
    /// <exception cref="ArgumentException">A module comes twice, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public DSelectK(IEnumerable<string> tasks, int experts, int k, Func<Encoder> expert, bool perSample = false, Func<int, Encoder>? gate = null, double entropy = 1e-6, double gamma = 1)
        : base(nameof(DSelectK))
    {
        ArgumentNullException.ThrowIfNull(tasks);
        if (experts < 2)
        {
            throw new ArgumentOutOfRangeException(nameof(experts), $"`experts` should be at least 2, to select from. Found {experts}.");
        }

        if (k < 1 || k > experts)
        {
            throw new ArgumentOutOfRangeException(nameof(k), $"`k` should be in 1…{experts}, the number of experts. Found {k}.");
        }

        this.entropy = Arguments.NonNegative(entropy, nameof(entropy));
        this.perSample = perSample || gate is not null;
        Arguments.Positive(gamma, nameof(gamma));
        var modules = new FreshModules();
        this.experts = new(modules.Some(experts, expert, nameof(expert)));
        var like = this.experts.parameters().FirstOrDefault();
        byTask = TaskMap.Create(TaskNames.Some(tasks).Select(task => (task, new SelectorGate(experts, k, gamma, like, Reader()))));
        gates = new(byTask.Select(g => (g.Task, (nn.Module)g.Value)));
        RegisterComponents();

        Encoder? Reader() =>
            gate is not null ? modules.Checked(gate(SelectorGate.Width(experts, k)), nameof(gate))
            : perSample ? Encoder.From(LinearGate.For(this.experts.First, SelectorGate.Width(experts, k)).StartUniform(k * SelectorGate.Digits(experts), gamma / 100, 0.05))
            : null;
    }

    /// <summary>Experts, and a gate for each task.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="experts">The number of experts n, at least 2.</param>
    /// <param name="k">How many experts a task selects at most, in 1…n.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="perSample">Whether gates read the inputs, by a linear map with the paper's initialisation. <c>false</c> by default.</param>
    /// <param name="gate">
    /// Makes a new gate for each sample on each call, from the number m of numbers that it gives: an encoder of the inputs to
    /// <c>[samples, m]</c>, the codes of the k selectors and then their k weights. For inputs of which <paramref name="perSample"/>
    /// cannot tell how wide they are.
    /// </param>
    /// <param name="entropy">λ ≥ 0; 1e-6 by default. The larger, the sooner a gate decides.</param>
    /// <param name="gamma">γ > 0, the width of the smooth step; 1 by default.</param>
    /// <exception cref="ArgumentException">A module comes twice, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public DSelectK(IEnumerable<LearningTask> tasks, int experts, int k, Func<Encoder> expert, bool perSample = false, Func<int, Encoder>? gate = null, double entropy = 1e-6, double gamma = 1)
        : this(tasks.Select(t => t.Name), experts, k, expert, perSample, gate, entropy, gamma)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => byTask.Tasks;

    private bool HasDeadCodes => 1 << SelectorGate.Digits(experts.Count) != experts.Count;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => experts.parameters();

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => byTask[task].parameters();

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => gates.parameters();

    /// <summary>The entropy of the selectors, and what keeps them from codes of no expert.</summary>
    /// <returns>
    /// A scalar ≥ 0, or <c>null</c> where there is nothing to charge for. Gates that read the inputs are charged for the training passes
    /// since the last penalty, the mean over those in which a gate ran, as a part of their graph; <c>null</c> if there was none.
    /// </returns>
    /// <exception cref="InvalidOperationException">What those passes computed has been disposed.</exception>
    public override Tensor? Penalty()
    {
        charged = true;
        if ((entropy == 0 && !HasDeadCodes) || (perSample && passes.Count == 0))
        {
            return null;
        }

        using var scope = NewDisposeScope();
        return Chosen()
            .Select(chosen => chosen.Select(Charge).Aggregate((sum, term) => sum + term) / chosen.Length)
            .Aggregate((sum, term) => sum + term)
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => MixtureRecord.Of(records => Run(inputs, records), Tasks);

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Run(input, null);
    }

    /// <summary>What the selectors of each gate have chosen, pass by pass.</summary>
    private IEnumerable<Tensor[]> Chosen()
    {
        if (!perSample)
        {
            return byTask.Values.Select(gate => new[] { gate.Choices(null).Chosen });
        }

        var alive = passes.Where(pass => !pass.Chosen.IsInvalid).ToArray();
        return alive.Length > 0
            ? alive.GroupBy(pass => pass.Task, pass => pass.Chosen).Select(pass => pass.ToArray())
            : throw new InvalidOperationException("The penalty depends on what the last training pass computed. Found that disposed. Call Penalty() in its dispose scope.");
    }

    private Tensor Charge(Tensor chosen) => (entropy > 0, HasDeadCodes) switch
    {
        (true, true) => (SelectorGate.Entropy(chosen) * entropy) + SelectorGate.Barrier(chosen),
        (true, false) => SelectorGate.Entropy(chosen) * entropy,
        _ => SelectorGate.Barrier(chosen),
    };

    /// <summary>The weights of a task's gate. What a gate chose in training is kept for the penalty, until the first pass after that.</summary>
    private Tensor Weights(string task, Inputs input)
    {
        var choices = byTask[task].Choices(input);
        if (perSample && training && is_grad_enabled())
        {
            passes.RemoveAll(pass => charged || pass.Chosen.IsInvalid);
            charged = false;
            passes.Add((task, choices.Chosen));
        }

        return SelectorGate.Weights(choices);
    }

    private Representation Run(Inputs input, List<MixtureRecord>? records)
    {
        var record = MixtureRecord.Start(records, "gates", () => Experts.Names("experts", experts.Count));
        var selected = Selected(input);
        var outputs = new ExpertOutputs(selected.Select(i => experts.Encode(i, input)));
        return new(task =>
        {
            var weights = Weights(task, input);
            record?.Add(task, weights);
            var all = perSample ? weights : weights.expand(input.Samples, -1);
            return outputs.Mix(selected.Length == experts.Count ? all : all.index_select(1, tensor(selected, device: all.device)));
        });
    }

    /// <summary>The experts that run: all, or at evaluation those that a static gate selects.</summary>
    private int[] Selected(Inputs input)
    {
        int[] all = [.. Enumerable.Range(0, experts.Count)];
        if (training || perSample || gates.parameters().First().device_type == DeviceType.META)
        {
            return all;
        }

        using var off = no_grad();
        using var scope = NewDisposeScope();
        var most = HostValues.Of(stack(byTask.Values.Select(g => SelectorGate.Weights(g.Choices(input)))).amax([0L]));
        int[] selected = [.. all.Where(i => most[i] > 0)];
        return selected.Length > 0 ? selected : all;
    }
}
