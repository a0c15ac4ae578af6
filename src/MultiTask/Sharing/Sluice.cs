using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Sluice networks: a tower for each task whose features are two subspaces, which are mixed across tasks after each stage; a
/// task's representation is a learned mixture of its stages.
/// </summary>
/// <remarks>
/// <para>
/// Ruder et al., <i>Latent Multi-Task Architecture Learning</i> (AAAI 2019; as <i>Sluice networks</i>, 2017). The first and second half of
/// the channels of each stage are the subspaces hₜ,₁ and hₜ,₂. All 2T subspaces of a stage are mixed by α (2T×2T), and hₜ = Σₗ βₜ,ₗ hₜ⁽ˡ⁾,
/// for which all stages give the same shape. The penalty λ Σₜ Σₗ ‖Gₜ,₁⁽ˡ⁾ᵀ Gₜ,₂⁽ˡ⁾‖² holds the subspaces apart: the columns of G are the weights
/// of a subspace's units, in the last layer of a stage; of recurrent layers, for each gate of the recurrent weights.
/// </para>
/// <para>
/// As in the imbalanced scheme of the authors' code α starts with a bias, here to the subspace itself: .9, and .1 over all others in equal
/// parts; β with .9 on the last stage (their default run has equal parts). Their code starts rows of α at .05 and .95 in turns, which sum to T, and draws each α from a
/// fixed subspace that need not be the task's own; we keep the sum 1 of cross-stitch units. Their code takes every second row
/// as a subspace (DyNet stores columns first) and pairs inputs rather than units; we take the paper's formula.
/// λ is .1, the value in the authors' instructions.
/// </para>
/// </remarks>
public sealed class Sluice : Trunk
{
    private readonly StagedTowers towers;
    private readonly ModuleList<NamedModules<TaskVector>> alphas;
    private readonly NamedModules<TaskVector> betas;
    private readonly Channels channels;
    private readonly int[] widths;
    private readonly double orthogonality;

    /// <summary>Towers whose subspaces are mixed.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">Makes a new stack of stages on each call; all stages give the same shape, with an even number of channels.</param>
    /// <param name="own">What α starts with for a subspace's own features, from 0 to 1; .9 by default. The others share the rest.</param>
    /// <param name="last">What β starts with for the last stage, from 0 to 1; .9 by default. The others share the rest.</param>
    /// <param name="orthogonality">λ ≥ 0, the strength of the penalty; .1 by default.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">The stacks differ or are empty, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public Sluice(
        IEnumerable<string> tasks,
        Func<IReadOnlyList<Encoder>> stages,
        double own = 0.9,
        double last = 0.9,
        double orthogonality = 0.1,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : base(nameof(Sluice))
    {
        OwnShare.Check(own);
        OwnShare.Check(last, nameof(last));
        this.orthogonality = Arguments.NonNegative(orthogonality, nameof(orthogonality));
        towers = new(tasks, stages);
        channels = new(channelDimension);
        this.widths = Checked(Channels.Widths(towers.First, widths));
        var names = SubspaceNames();
        var layers = LayerNames();
        var (dtype, device) = towers.First.Place;
        alphas = new([.. layers.Select(_ => new NamedModules<TaskVector>(towers.Tasks, task => new(Alpha(task))))]);
        betas = new(towers.Tasks, _ => new(tensor(OwnShare.Row(layers, layers[^1], last), dtype, device)));
        RegisterComponents();

        Tensor Alpha(string task) => stack([
            tensor(OwnShare.Row(names, $"{task}.1", own), dtype, device),
            tensor(OwnShare.Row(names, $"{task}.2", own), dtype, device)]);
    }

    /// <summary>Towers whose subspaces are mixed.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">Makes a new stack of stages on each call; all stages give the same shape, with an even number of channels.</param>
    /// <param name="own">What α starts with for a subspace's own features, from 0 to 1; .9 by default. The others share the rest.</param>
    /// <param name="last">What β starts with for the last stage, from 0 to 1; .9 by default. The others share the rest.</param>
    /// <param name="orthogonality">λ ≥ 0, the strength of the penalty; .1 by default.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">The stacks differ or are empty, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public Sluice(
        IEnumerable<LearningTask> tasks,
        Func<IReadOnlyList<Encoder>> stages,
        double own = 0.9,
        double last = 0.9,
        double orthogonality = 0.1,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, own, last, orthogonality, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => towers.Tasks;

    /// <summary>The towers, and the α of all stages but the last.</summary>
    public override IEnumerable<Parameter> SharedParameters() =>
        towers.parameters().Concat(alphas.SkipLast(1).SelectMany(alpha => alpha.parameters()));

    /// <summary>The task's β, and its α of the last stage.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => alphas[^1].Of(task).parameters().Concat(betas.Of(task).parameters());

    /// <summary>All α and β.</summary>
    public override IEnumerable<Parameter> MixingParameters() => alphas.parameters().Concat(betas.parameters());

    /// <inheritdoc/>
    public override bool MixesInOrderOfTasks => true;

    /// <summary>The α of each stage, with subspaces as <c>age.1</c> and <c>age.2</c>, and the β of all tasks.</summary>
    /// <param name="inputs">Not read: α and β are the same for all samples.</param>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs)
    {
        using var scope = NewDisposeScope();
        var names = SubspaceNames();
        return
        [
            .. alphas.Select((alpha, l) => MixtureTable.Of($"alphas.{l}", names, names, alpha.All.SelectMany(a => a.Weight.unbind(0)))),
            MixtureTable.Of("betas", towers.Tasks, LayerNames(), betas.All.Select(beta => beta.Weight)),
        ];
    }

    /// <summary>λ Σ ‖G₁ᵀG₂‖² over tasks and stages, or <c>null</c> where λ is 0.</summary>
    public override Tensor? Penalty()
    {
        if (orthogonality == 0)
        {
            return null;
        }

        using var scope = NewDisposeScope();
        var overlaps = towers.Tasks.SelectMany(task => widths.Select((width, l) =>
            Subspaces.Overlap(Subspaces.WeightOf(towers.Of(task).ModuleOf(l), width, l), width)));
        return (overlaps.Aggregate((sum, next) => sum + next) * orthogonality).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        IReadOnlyList<Representation>? mixed = null;
        return new(task => Layers(mixed ??= towers.Run(input, Mix), task));
    }

    /// <summary>Σₗ βₗ h⁽ˡ⁾.</summary>
    private Tensor Layers(IReadOnlyList<Representation> mixed, string task)
    {
        var h = mixed.Select(layer => layer.For(task)).ToArray();
        Diagnostics.Shape.Alike(h, "All stages should give the same shape, because their outputs are mixed.");
        return MultiplyAdds.Sums(betas.Of(task).Weight.matmul(stack(h).flatten(1)).reshape(h[0].shape), h.Length);
    }

    private Func<string, Tensor> Mix(int stage, Tensor[] features)
    {
        channels.Expect(features[0], widths[stage], $"Stage {stage}");
        var halves = features.SelectMany(x => x.chunk(2, channels.Dimension)).ToArray();
        var shape = halves[0].shape;
        var all = stack(halves).flatten(1);
        return task => MultiplyAdds.Sums(cat([.. alphas[stage].Of(task).Weight.matmul(all).unbind(0).Select(half => half.reshape(shape))], channels.Dimension), halves.Length);
    }

    private int[] Checked(int[] found)
    {
        if (found.Distinct().Count() > 1 || found[0] % 2 != 0)
        {
            throw new ArgumentException($"All stages should give the same, even number of channels: two subspaces. Found {Diagnostics.Shape.Text(found.Select(w => (long)w))}.");
        }

        if (orthogonality > 0)
        {
            using var scope = NewDisposeScope();
            for (var l = 0; l < found.Length; l++)
            {
                Subspaces.WeightOf(towers.First.ModuleOf(l), found[l], l);
            }
        }

        return found;
    }

    private string[] SubspaceNames() => [.. towers.Tasks.SelectMany(task => new[] { $"{task}.1", $"{task}.2" })];

    private string[] LayerNames() => [.. Enumerable.Range(0, towers.First.Count).Select(l => $"{l}")];
}
