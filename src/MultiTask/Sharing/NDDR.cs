using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Neural discriminative dimensionality reduction: a tower for each task, and after each stage each task's features are a
/// learned reduction of all tasks' features, put side by side.
/// </summary>
/// <remarks>
/// <para>
/// Gao et al., <i>NDDR-CNN: Layerwise Feature Fusing in Multi-Task CNNs by Neural Discriminative Dimensionality Reduction</i>
/// (CVPR 2019): channels are concatenated, a 1×1 convolution for each task brings them back to the width of one task, and
/// batch normalisation and a ReLU follow, in the order of the authors' code. The convolution starts at [αI, βI, …], α + β(T − 1) = 1,
/// with α = .9. Dense features get a dense layer, which is the same thing; without <c>normalized</c> it is the linear map alone,
/// and with α = 1 then <see cref="SingleTask"/>. In general it contains <see cref="CrossStitch"/>.
/// </para>
/// <para>
/// The paper gives these layers 100 times the learning rate (<see cref="MixingParameters"/>) and weight decay, which are
/// matters of the optimizer. Its shortcut, which adds up the layers of all stages for segmentation, is not here. The bias is
/// left out where batch normalisation follows.
/// </para>
/// </remarks>
public sealed class NDDR : Trunk
{
    private readonly StagedTowers towers;
    private readonly ModuleList<NamedModules<Fusion>> fusions;
    private readonly Channels channels;
    private readonly int[] widths;

    /// <summary>Towers whose features are fused after each stage.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">Makes a new stack of stages on each call, of the same shapes.</param>
    /// <param name="own">α, what the weights start with for a task's own features, from 0 to 1; .9 by default. β is (1 − α)/(T − 1).</param>
    /// <param name="normalized">Whether batch normalisation and a ReLU follow each fusion, as in the authors' network.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">The stacks differ or are empty, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="own"/> is not from 0 to 1.</exception>
    public NDDR(
        IEnumerable<string> tasks,
        Func<IReadOnlyList<Encoder>> stages,
        double own = 0.9,
        bool normalized = true,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : base(nameof(NDDR))
    {
        OwnShare.Check(own);
        towers = new(tasks, stages);
        channels = new(channelDimension);
        this.widths = Channels.Widths(towers.First, widths);
        fusions = new([.. this.widths.Select(width => new NamedModules<Fusion>(
            towers.Tasks,
            task => new(OwnShare.Row(towers.Tasks, task, own), width, normalized, channels)))]);
        RegisterComponents();
        var (dtype, device) = towers.First.Place;
        fusions.to(device, dtype);
    }

    /// <summary>Towers whose features are fused after each stage.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">Makes a new stack of stages on each call, of the same shapes.</param>
    /// <param name="own">α, what the weights start with for a task's own features, from 0 to 1; .9 by default. β is (1 − α)/(T − 1).</param>
    /// <param name="normalized">Whether batch normalisation and a ReLU follow each fusion, as in the authors' network.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">The stacks differ or are empty, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="own"/> is not from 0 to 1.</exception>
    public NDDR(
        IEnumerable<LearningTask> tasks,
        Func<IReadOnlyList<Encoder>> stages,
        double own = 0.9,
        bool normalized = true,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, own, normalized, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => towers.Tasks;

    /// <summary>The towers, and the fusions of all stages but the last.</summary>
    public override IEnumerable<Parameter> SharedParameters() =>
        towers.parameters().Concat(fusions.SkipLast(1).SelectMany(fusion => fusion.parameters()));

    /// <summary>The task's fusion of the last stage.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => fusions[^1].Of(task).parameters();

    /// <summary>All fusions, with their normalisation.</summary>
    public override IEnumerable<Parameter> MixingParameters() => fusions.parameters();

    /// <inheritdoc/>
    public override bool MixesInOrderOfTasks => true;

    /// <summary>For each stage the root mean square length of the weights by which a task reads another's channels: α and β at the start.</summary>
    /// <param name="inputs">Not read: the weights are the same for all samples.</param>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        return [.. fusions.Select((fusion, l) => MixtureTable.Of($"fusions.{l}", towers.Tasks, towers.Tasks, fusion.All.Select(f => Lengths(f, widths[l]))))];

        static Tensor Lengths(Fusion fusion, int width) => fusion.Weight.reshape(width, -1, width).square().sum(dim: 2).mean([0L]).sqrt();
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        Representation? last = null;
        return new(task => (last ??= towers.Run(input, Mix)[^1]).For(task));
    }

    private Func<string, Tensor> Mix(int stage, Tensor[] features)
    {
        channels.Expect(features[0], widths[stage], $"Stage {stage}");
        var x = cat(features, channels.Dimension);
        return task => fusions[stage].Of(task).call(x);
    }
}
