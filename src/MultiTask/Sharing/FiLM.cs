using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Task conditioning: one stack of stages, and after each stage a scale and a shift of each channel, made from the task's embedding.</summary>
/// <remarks>
/// <para>
/// Perez et al., <i>FiLM: Visual Reasoning with a General Conditioning Layer</i> (AAAI 2018): FiLM(x) = γ ⊙ x + β, where γ and β are an affine
/// map of what conditions, here an embedding of the task. As in the paper γ = 1 + Δγ. The maps start at 0 and the embeddings
/// at draws from N(0, 1), so that the trunk starts as <see cref="HardSharing"/>, and tasks part as they learn.
/// </para>
/// <para>
/// The paper conditions on a question, between batch normalisation and ReLU; here the caller's stages say where. The first
/// stage runs once, the others once for each task that is asked for: batch normalisation in those keeps running statistics of all
/// tasks together, so prefer another kind. A task's own are only its embedding, so tasks cost next to nothing in parameters.
/// </para>
/// </remarks>
public sealed class FiLM : Trunk
{
    private readonly Stages stages;
    private readonly NamedModules<TaskVector> embeddings;
    private readonly ModuleList<Linear> films;
    private readonly Channels channels;
    private readonly int[] widths;

    /// <summary>A conditioned stack.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="embedding">The length of a task's embedding, 1 or more; 16 by default.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="embedding"/> is less than 1.</exception>
    public FiLM(IEnumerable<string> tasks, IReadOnlyList<Encoder> stages, int embedding = 16, IReadOnlyList<int>? widths = null, int channelDimension = 1)
        : base(nameof(FiLM))
    {
        Arguments.AtLeastOne(embedding, nameof(embedding));
        this.stages = new(stages);
        channels = new(channelDimension);
        this.widths = Channels.Widths(this.stages, widths);
        var (dtype, device) = this.stages.Place;
        embeddings = new(TaskNames.Some(tasks), _ => new(randn([embedding], dtype, device)));
        films = new([.. this.widths.Select(width => Zero(nn.Linear(embedding, 2 * width, device: device, dtype: dtype)))]);
        RegisterComponents();
    }

    /// <summary>A conditioned stack.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">The stages of the stack, in order. From here on they belong to the trunk.</param>
    /// <param name="embedding">The length of a task's embedding, 1 or more; 16 by default.</param>
    /// <param name="widths">
    /// The number of channels that each stage gives. By default the last dense, convolutional, recurrent or embedding module of
    /// the stage says.
    /// </param>
    /// <param name="channelDimension">Where the channels are: 1, or −1 for sequences <c>[n, length, c]</c>.</param>
    /// <exception cref="ArgumentException">There is no stage, or widths do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="embedding"/> is less than 1.</exception>
    public FiLM(IEnumerable<LearningTask> tasks, IReadOnlyList<Encoder> stages, int embedding = 16, IReadOnlyList<int>? widths = null, int channelDimension = 1)
        : this(tasks.Select(t => t.Name), stages, embedding, widths, channelDimension)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => embeddings.Names;

    /// <summary>The stages, and the maps from embeddings to scales and shifts.</summary>
    public override IEnumerable<Parameter> SharedParameters() => stages.parameters().Concat(films.parameters());

    /// <summary>The task's embedding.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => embeddings.Of(task).parameters();

    /// <summary>For each stage the mean over channels of a task's scales γ, and of its shifts' sizes |β|: 1 and 0 at the start.</summary>
    /// <param name="inputs">Of no account here.</param>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        string[] columns = [.. Enumerable.Range(0, stages.Count).Select(l => $"{l}")];
        return
        [
            MixtureTable.Of("scales", embeddings.Names, columns, embeddings.Names.Select(task => stack(Enumerable.Range(0, stages.Count).Select(l => ScaleAndShift(task, l)[0].mean() + 1)))),
            MixtureTable.Of("shifts", embeddings.Names, columns, embeddings.Names.Select(task => stack(Enumerable.Range(0, stages.Count).Select(l => ScaleAndShift(task, l)[1].abs().mean())))),
        ];
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => stages.WithSteps(input, Modulated);

    private Tensor Modulated(string task, int stage, Tensor h)
    {
        channels.Expect(h, widths[stage], $"Stage {stage}");
        var scaleAndShift = ScaleAndShift(task, stage);
        return channels.FromLast((channels.ToLast(h) * (scaleAndShift[0] + 1)) + scaleAndShift[1]);
    }

    /// <summary>γ − 1 and β.</summary>
    private Tensor[] ScaleAndShift(string task, int stage) => films[stage].call(embeddings.Of(task).Weight).chunk(2, 0);

    private static Linear Zero(Linear map)
    {
        nn.init.zeros_(map.weight);
        nn.init.zeros_(map.bias);
        return map;
    }
}
