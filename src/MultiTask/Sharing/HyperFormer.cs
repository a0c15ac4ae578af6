using MultiTask.Diagnostics;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One stack of stages, frozen or trained, and after each stage a residual bottleneck whose weights a common network makes from the task's embedding.</summary>
/// <remarks>
/// <para>
/// Karimi Mahabadi et al., <i>Parameter-efficient Multi-task Fine-tuning for Transformers via Shared Hypernetworks</i> (ACL 2021), in the
/// variant HyperFormer++: a projector makes a code of the embeddings of the task and of the stage, and affine maps of the code, the
/// same for all stages of one width, are the weights D and U, their biases and the scale and shift of the layer
/// normalisation in x + LN(U GELU(Dx + d) + u). A task's own is only its embedding; all else is shared, so what one task learns of how to
/// adapt the stack serves the others, and with a frozen stack, too, there is something for balancers to balance.
/// </para>
/// <para>
/// Initial values and sizes are those of the authors' code: embeddings N(0, 1), dense layers N(0, 10⁻² ²) without bias, and a code that is
/// normalised, of length √<c>projected</c>. Hence scale and shift start near 10⁻² √<c>projected</c>, and each number of the output by about
/// so much from <see cref="HardSharing"/>. A step of plain gradient descent moves what is made of a code <c>projected</c> times as far as it would
/// move weights of a task's own, so take small steps, or Adam as the authors do. The paper has a third embedding, of the adapter's place within a layer, because a layer has two; here a
/// stage has one adapter, and who wants two makes two stages. It freezes the stack but for layer
/// normalisation, and divides the width by 32 for <c>bottleneck</c>; here, as in <see cref="Adapters"/>, a stack is trained unless <c>frozen</c> says
/// otherwise, a frozen one stays wholly as it is, and GELU is exact (the authors' is the approximation with tanh). The first
/// stage runs once, the others once for each task that is asked for.
/// </para>
/// </remarks>
public sealed class HyperFormer : Trunk
{
    private readonly Stages stages;
    private readonly NamedModules<TaskVector> embeddings;
    private readonly NamedModules<TaskVector> places;
    private readonly TaskProjector projector;
    private readonly NamedModules<HyperAdapter> hypernetworks;
    private readonly Channels channels;
    private readonly int[] widths;

    /// <summary>A stack with adapters that are made from the tasks' embeddings.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="bottleneck">The channels within an adapter, 1 or more; the paper has 24 for 768 channels.</param>
    /// <param name="embedding">The length of the embeddings of tasks and of stages, 1 or more; 64 by default.</param>
    /// <param name="hidden">The units between the two layers of the projector, 1 or more; 128 by default.</param>
    /// <param name="projected">The length of the code that weights are made from, 1 or more; 64 by default.</param>
    /// <param name="layerNorm">Whether what an adapter adds is normalised. Without, adapters are as those of <see cref="Adapters"/>.</param>
    /// <param name="frozen">Whether the stages stay as they are: their parameters then need no gradients.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is less than 1.</exception>
    public HyperFormer(
        IEnumerable<string> tasks,
        IReadOnlyList<Encoder> stages,
        int bottleneck,
        int embedding = 64,
        int hidden = 128,
        int projected = 64,
        bool layerNorm = true,
        bool frozen = false,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : base(nameof(HyperFormer))
    {
        Arguments.AtLeastOne(bottleneck, nameof(bottleneck));
        Arguments.AtLeastOne(embedding, nameof(embedding));
        Arguments.AtLeastOne(hidden, nameof(hidden));
        Arguments.AtLeastOne(projected, nameof(projected));
        this.stages = new(stages);
        channels = new(channelDimension);
        this.widths = Channels.Widths(this.stages, widths);
        embeddings = new(tasks, _ => new(randn(embedding)));
        places = new(this.widths.Select((_, l) => $"{l}"), _ => new(randn(embedding)));
        projector = new(embedding, hidden, projected);
        hypernetworks = new(this.widths.Distinct().Select(width => $"{width}"), width => new(projected, int.Parse(width, null), bottleneck, layerNorm));
        RegisterComponents();
        var (dtype, device) = this.stages.Place;
        foreach (var made in new nn.Module[] { embeddings, places, projector, hypernetworks })
        {
            made.to(device, dtype);
        }

        if (frozen)
        {
            this.stages.Freeze();
        }
    }

    /// <summary>A stack with adapters that are made from the tasks' embeddings.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="bottleneck">The channels within an adapter, 1 or more; the paper has 24 for 768 channels.</param>
    /// <param name="embedding">The length of the embeddings of tasks and of stages, 1 or more; 64 by default.</param>
    /// <param name="hidden">The units between the two layers of the projector, 1 or more; 128 by default.</param>
    /// <param name="projected">The length of the code that weights are made from, 1 or more; 64 by default.</param>
    /// <param name="layerNorm">Whether what an adapter adds is normalised. Without, adapters are as those of <see cref="Adapters"/>.</param>
    /// <param name="frozen">Whether the stages stay as they are: their parameters then need no gradients.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is less than 1.</exception>
    public HyperFormer(
        IEnumerable<LearningTask> tasks,
        IReadOnlyList<Encoder> stages,
        int bottleneck,
        int embedding = 64,
        int hidden = 128,
        int projected = 64,
        bool layerNorm = true,
        bool frozen = false,
        IReadOnlyList<int>? widths = null,
        int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, bottleneck, embedding, hidden, projected, layerNorm, frozen, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => embeddings.Names;

    /// <summary>The stages, frozen or not (balancers pass over what is), and all that makes weights but the tasks' embeddings.</summary>
    public override IEnumerable<Parameter> SharedParameters() =>
        stages.parameters().Concat(places.parameters()).Concat(projector.parameters()).Concat(hypernetworks.parameters());

    /// <summary>The task's embedding.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => embeddings.Of(task).parameters();

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => stages.WithSteps(input, Adapted);

    private Tensor Adapted(string task, int stage, Tensor h)
    {
        channels.Expect(h, widths[stage], $"Stage {stage}");
        var code = projector.call(embeddings.Of(task).Weight, places.All[stage].Weight);
        return channels.FromLast(hypernetworks.Of($"{widths[stage]}").Adapt(code, channels.ToLast(h)));
    }
}
