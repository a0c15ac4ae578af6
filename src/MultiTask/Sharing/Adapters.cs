using MultiTask.Diagnostics;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>One stack of stages, frozen or trained, and after each stage a small residual bottleneck of the task's own.</summary>
/// <remarks>
/// <para>
/// Houlsby et al., <i>Parameter-Efficient Transfer Learning for NLP</i> (ICML 2019): x + W₂ GELU(W₁x + b₁) + b₂ through a few channels, alike
/// at each place; weights start at N(0, 10⁻³ ²), cut at two standard deviations, so the trunk starts near <see cref="HardSharing"/>.
/// </para>
/// <para>
/// The paper freezes a pretrained stack and trains adapters, normalisation layers and heads, each task for itself. Here a
/// stack is trained unless <c>frozen</c> says otherwise, because a new stack would never learn; a frozen one, with its
/// normalisation, stays as it is, in evaluation mode. Then nothing is shared that learns, and
/// there is nothing for gradient balancers to balance. The first stage runs once, the others once for each task that is
/// asked for.
/// </para>
/// </remarks>
public sealed class Adapters : Trunk
{
    private readonly Stages stages;
    private readonly NamedModules<ModuleList<Bottleneck>> adapters;
    private readonly Channels channels;
    private readonly int[] widths;

    /// <summary>A stack with adapters.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="bottleneck">The channels within an adapter, 1 or more; the paper has 8 to 256 for 768 channels.</param>
    /// <param name="frozen">Whether the stages stay as they are: their parameters then need no gradients.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bottleneck"/> is less than 1.</exception>
    public Adapters(
        IEnumerable<string> tasks,
        IReadOnlyList<Encoder> stages,
        int bottleneck,
        bool frozen = false,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : base(nameof(Adapters))
    {
        Arguments.AtLeastOne(bottleneck, nameof(bottleneck));
        this.stages = new(stages);
        channels = new(channelDimension);
        this.widths = Channels.Widths(this.stages, widths);
        adapters = new(tasks, _ => new([.. this.widths.Select(width => new Bottleneck(width, bottleneck, channels))]));
        RegisterComponents();
        var (dtype, device) = this.stages.Place;
        adapters.to(device, dtype);
        if (frozen)
        {
            this.stages.Freeze();
        }
    }

    /// <summary>A stack with adapters.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="bottleneck">The channels within an adapter, 1 or more; the paper has 8 to 256 for 768 channels.</param>
    /// <param name="frozen">Whether the stages stay as they are: their parameters then need no gradients.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bottleneck"/> is less than 1.</exception>
    public Adapters(
        IEnumerable<LearningTask> tasks,
        IReadOnlyList<Encoder> stages,
        int bottleneck,
        bool frozen = false,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, bottleneck, frozen, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => adapters.Names;

    /// <summary>The stages, frozen or not: balancers pass over what is.</summary>
    public override IEnumerable<Parameter> SharedParameters() => stages.parameters();

    /// <summary>The task's adapters.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => adapters.Of(task).parameters();

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => stages.WithSteps(input, (task, l, h) => adapters.Of(task)[l].call(h));
}
