using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Cross-stitch networks: a tower for each task, and after each stage each task reads a learned mixture of all.</summary>
/// <remarks>
/// <para>
/// Misra et al., <i>Cross-Stitch Networks for Multi-task Learning</i> (CVPR 2016): x̃ₜ = Σₛ αₜₛ xₛ after each stage, with one α
/// for a stage or one for each of its channels. α starts at .9 for the task's own features, and at .1 over the other tasks
/// in equal parts, so that rows sum to 1. With α the identity the trunk is <see cref="SingleTask"/>.
/// </para>
/// <para>
/// The paper gives α a learning rate 10² to 10³ times the network's (<see cref="MixingParameters"/>) and starts the towers from
/// trained single-task networks, so that their units mean something before they are mixed; load them into the towers. It
/// mixes after pooling and dense layers; here the caller's stages say where. LibMTL starts all α at 1, which makes the
/// features grow with the number of tasks.
/// </para>
/// </remarks>
public sealed class CrossStitch : Trunk
{
    private readonly StagedTowers towers;
    private readonly ModuleList<NamedModules<TaskVector>> stitches;
    private readonly Channels? channels;

    /// <summary>Towers that are stitched after each stage.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">Makes a new stack of stages on each call, of the same shapes.</param>
    /// <param name="own">What α starts with for a task's own features, from 0 to 1; .9 by default. The others share the rest.</param>
    /// <param name="perChannel">Whether each channel has an α of its own.</param>
    /// <param name="widths">
    /// For <paramref name="perChannel"/>: the number of channels that each stage gives. By default the last dense, convolutional,
    /// recurrent or embedding module of the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">The stacks differ or are empty, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="own"/> is not from 0 to 1.</exception>
    public CrossStitch(
        IEnumerable<string> tasks,
        Func<IReadOnlyList<Encoder>> stages,
        double own = 0.9,
        bool perChannel = false,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : base(nameof(CrossStitch))
    {
        OwnShare.Check(own);
        if (!perChannel && (widths is not null || channelDimension != 1))
        {
            throw new ArgumentException("`widths` and `channelDimension` should be given with `perChannel` only. Found them without.");
        }

        towers = new(tasks, stages);
        channels = perChannel ? new(channelDimension) : null;
        var perStage = perChannel ? Channels.Widths(towers.First, widths) : null;
        var (dtype, device) = towers.First.Place;
        stitches = new([.. Enumerable.Range(0, towers.First.Count).Select(l => new NamedModules<TaskVector>(towers.Tasks, task => new(Row(task, perStage?[l]))))]);
        RegisterComponents();

        Tensor Row(string task, int? width)
        {
            var row = tensor(OwnShare.Row(towers.Tasks, task, own), dtype, device);
            return width is { } c ? row.unsqueeze(1).repeat(1, c) : row;
        }
    }

    /// <summary>Towers that are stitched after each stage.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">Makes a new stack of stages on each call, of the same shapes.</param>
    /// <param name="own">What α starts with for a task's own features, from 0 to 1; .9 by default. The others share the rest.</param>
    /// <param name="perChannel">Whether each channel has an α of its own.</param>
    /// <param name="widths">
    /// For <paramref name="perChannel"/>: the number of channels that each stage gives. By default the last dense, convolutional,
    /// recurrent or embedding module of the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">The stacks differ or are empty, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="own"/> is not from 0 to 1.</exception>
    public CrossStitch(
        IEnumerable<LearningTask> tasks,
        Func<IReadOnlyList<Encoder>> stages,
        double own = 0.9,
        bool perChannel = false,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, own, perChannel, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => towers.Tasks;

    /// <summary>The towers, and the α of all stages but the last.</summary>
    public override IEnumerable<Parameter> SharedParameters() =>
        towers.parameters().Concat(stitches.SkipLast(1).SelectMany(stitch => stitch.parameters()));

    /// <summary>The task's α of the last stage.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => stitches[^1].Of(task).parameters();

    /// <summary>All α.</summary>
    public override IEnumerable<Parameter> MixingParameters() => stitches.parameters();

    /// <inheritdoc/>
    public override bool MixesInOrderOfTasks => true;

    /// <summary>The α of each stage; of channels, their mean.</summary>
    /// <param name="inputs">Not read: α is the same for all samples.</param>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        return [.. stitches.Select((stitch, l) => MixtureTable.Of($"stitches.{l}", towers.Tasks, towers.Tasks, stitch.All.Select(Row)))];

        Tensor Row(TaskVector alpha) => channels is null ? alpha.Weight : alpha.Weight.mean([1L]);
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        Representation? last = null;
        return new(task => (last ??= towers.Run(input, Mix)[^1]).For(task));
    }

    private Func<string, Tensor> Mix(int stage, Tensor[] features)
    {
        Tensor Alpha(string task) => stitches[stage].Of(task).Weight;
        if (channels is null)
        {
            var flat = stack(features).flatten(1);
            return task => MultiplyAdds.Sums(Alpha(task).matmul(flat).reshape(features[0].shape), features.Length);
        }

        channels.Expect(features[0], Alpha(towers.Tasks[0]).size(1), $"Stage {stage}");
        var x = stack(features.Select(channels.ToLast), -2);
        return task => MultiplyAdds.Sums(channels.FromLast((x * Alpha(task)).sum(dim: -2)), features.Length);
    }
}
