using MultiTask.Diagnostics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Multi-task attention networks: one stack of stages, from which each task picks by soft masks, stage by stage.</summary>
/// <remarks>
/// <para>
/// Liu et al., <i>End-to-End Multi-Task Learning with Attention</i> (CVPR 2019). With p⁽ʲ⁾ the output of stage j: the task's mask is
/// a⁽ʲ⁾ = h(g([p⁽ʲ⁾; f(â⁽ʲ⁻¹⁾)])), the first a⁽¹⁾ = h(g(p⁽¹⁾)); the attended features â⁽ʲ⁾ = a⁽ʲ⁾ ⊙ p⁽ʲ⁾. g is a 1×1 convolution, batch normalisation and ReLU;
/// h the same with a sigmoid; both are the task's own. f takes â to the width and size of the next stage, and is shared by all
/// tasks, as in the authors' code. Heads read the last â.
/// </para>
/// <para>
/// The paper's g reads another layer u⁽ʲ⁾ within the stage; a stage of any kind has only one output, so u is p, as in the
/// authors' network for the Visual Decathlon. Its f is a 3×3 convolution with pooling: give it as <c>follow</c>; by default it is a
/// 1×1 convolution with batch normalisation and ReLU, and what is still larger than the next stage's features is pooled by
/// maxima to their size. A dense layer is a 1×1 convolution of vectors, so dense stacks need nothing else.
/// </para>
/// </remarks>
public sealed class MTAN : Trunk
{
    private readonly Stages stages;
    private readonly NamedModules<ModuleList<TaskAttention>> attention;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> follows;
    private readonly Channels channels;
    private readonly int[] widths;

    /// <summary>A stack with attention.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="reduction">By how much g is narrower than its stage, 1 or more; 1 by default. The authors' ResNet has 4.</param>
    /// <param name="follow">
    /// Makes f from the numbers of channels that it reads and gives, for instance
    /// <c>(from, to) => Sequential(Conv2d(from, to, 3, padding: 1), BatchNorm2d(to), ReLU(), MaxPool2d(2))</c>.
    /// </param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reduction"/> is less than 1.</exception>
    public MTAN(
        IEnumerable<string> tasks,
        IReadOnlyList<Encoder> stages,
        int reduction = 1,
        Func<int, int, nn.Module<Tensor, Tensor>>? follow = null,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : base(nameof(MTAN))
    {
        Arguments.AtLeastOne(reduction, nameof(reduction));
        this.stages = new(stages);
        channels = new(channelDimension);
        var modules = new FreshModules();
        var w = this.widths = Channels.Widths(this.stages, widths);
        attention = new(TaskNames.Some(tasks), _ => new([.. w.Select((width, l) => new TaskAttention(l == 0 ? width : 2 * width, Math.Max(1, width / reduction), width, channels))]));
        follows = new([.. w.Skip(1).Select((width, l) => follow is null ? new FollowOn(w[l], width, channels) : Made(follow(w[l], width)))]);
        RegisterComponents();
        var (dtype, device) = this.stages.Place;
        attention.to(device, dtype);
        follows.to(device, dtype);

        nn.Module<Tensor, Tensor> Made(nn.Module<Tensor, Tensor>? module)
        {
            modules.Checked(module is null ? null : Encoder.From(module), nameof(follow));
            return module!;
        }
    }

    /// <summary>A stack with attention.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="reduction">By how much g is narrower than its stage, 1 or more; 1 by default. The authors' ResNet has 4.</param>
    /// <param name="follow">
    /// Makes f from the numbers of channels that it reads and gives, for instance
    /// <c>(from, to) => Sequential(Conv2d(from, to, 3, padding: 1), BatchNorm2d(to), ReLU(), MaxPool2d(2))</c>.
    /// </param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reduction"/> is less than 1.</exception>
    public MTAN(
        IEnumerable<LearningTask> tasks,
        IReadOnlyList<Encoder> stages,
        int reduction = 1,
        Func<int, int, nn.Module<Tensor, Tensor>>? follow = null,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, reduction, follow, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => attention.Names;

    /// <summary>The stages, and what carries attended features from stage to stage.</summary>
    public override IEnumerable<Parameter> SharedParameters() => stages.parameters().Concat(follows.parameters());

    /// <summary>The task's attention.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => attention.Of(task).parameters();

    /// <summary>The attention of all tasks.</summary>
    public override IEnumerable<Parameter> MixingParameters() => attention.parameters();

    /// <summary>The mean of each task's mask at each stage: how much of it the task lets through, from 0 to 1.</summary>
    /// <param name="inputs">The samples over which to average.</param>
    /// <remarks>In training mode batch normalisation takes note of these samples, too; call <c>eval()</c> first.</remarks>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var p = Shared(inputs);
        return [MixtureTable.Of(
            "attention",
            attention.Names,
            [.. Enumerable.Range(0, stages.Count).Select(l => $"{l}")],
            attention.Names.Select(task => stack(Masks(task, p).Select(mask => mask.Mask.mean()))))];
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        Tensor[]? p = null;
        return new(task => Masks(task, p ??= Shared(input)).Last().Attended);
    }

    /// <summary>The outputs of all stages.</summary>
    private Tensor[] Shared(Inputs input)
    {
        var p = new Tensor[stages.Count];
        for (var l = 0; l < p.Length; l++)
        {
            p[l] = stages.Encode(l, l == 0 ? input : p[l - 1]);
            channels.Expect(p[l], widths[l], $"Stage {l}");
        }

        return p;
    }

    private IEnumerable<(Tensor Mask, Tensor Attended)> Masks(string task, Tensor[] p)
    {
        var own = attention.Of(task);
        Tensor? attended = null;
        for (var l = 0; l < p.Length; l++)
        {
            var mask = own[l].call(attended is null ? p[l] : cat([p[l], Fitted(follows[l - 1].call(attended), p[l], l)], channels.Dimension));
            attended = mask * p[l];
            yield return (mask, attended);
        }
    }

    /// <summary>Features, pooled to the size of the stage's.</summary>
    private Tensor Fitted(Tensor features, Tensor p, int stage)
    {
        channels.Expect(features, widths[stage], $"`follow` before stage {stage}");
        return features.shape.SequenceEqual(p.shape) ? features : channels.FromSecond(Pooled(channels.ToSecond(features), channels.ToSecond(p).shape[2..]));
    }

    private static Tensor Pooled(Tensor features, long[] size) => (features.dim(), size.Length) switch
    {
        (3, 1) => nn.functional.adaptive_max_pool1d(features, size[0]),
        (4, 2) => nn.functional.adaptive_max_pool2d(features, size),
        (5, 3) => nn.functional.adaptive_max_pool3d(features, size),
        _ => throw new ArgumentException($"Attended features of shape {Shape.Of(features)} could not be pooled to size {Shape.Text(size)}; let `follow` do it."),
    };
}
