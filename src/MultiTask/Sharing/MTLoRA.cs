using MultiTask.Diagnostics;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A backbone, frozen or trained, whose dense layers get low-rank updates: one for all tasks, and one for each task.</summary>
/// <remarks>
/// <para>
/// Hu et al., <i>LoRA: Low-Rank Adaptation of Large Language Models</i> (ICLR 2022); Agiza et al., <i>MTLoRA: A Low-Rank Adaptation Approach
/// for Efficient Multi-Task Learning</i> (CVPR 2024): Wx + s B A x + s Bₜ Aₜ x in each <c>Linear</c> of the backbone. A starts as a new dense layer does, B at
/// 0, so the trunk starts as the backbone, and with both ranks 0 it is the backbone. Rank 8 and s = 2 are the authors' defaults.
/// </para>
/// <para>
/// The paper gives tasks updates of their own only in the last block of each stage, so that one pass serves all tasks, and
/// their path there lacks the shared update; here, as in the variant <i>matrixv2</i> of the authors' code, the two add up, in every layer, and
/// the backbone runs once for each task that is asked for. It freezes the
/// backbone but for normalisation and biases; here the backbone is trained unless <c>frozen</c> says otherwise, because a new one would
/// never learn, and a frozen one stays wholly as it is, in evaluation mode. Dropout of updates is left out. Layers that run
/// inside native modules (<c>MultiheadAttention</c>, <c>TransformerEncoderLayer</c>) are not <c>Linear</c> modules, and keep their weights.
/// </para>
/// </remarks>
public sealed class MTLoRA : Trunk
{
    private readonly nn.Module backbone;
    private readonly TaskBackbone encode;
    private readonly NamedModules<LowRank> shared;
    private readonly NamedModules<NamedModules<LowRank>> own;
    private readonly int rank;

    /// <summary>A backbone with low-rank updates.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="backbone">Has at least one <c>Linear</c>. From here on it belongs to the trunk.</param>
    /// <param name="rank">The rank of each task's own updates, 0 or more; 8 by default.</param>
    /// <param name="sharedRank">The rank of the updates that all tasks share, 0 or more; 8 by default.</param>
    /// <param name="scale">s > 0, the factor of the updates; 2 by default.</param>
    /// <param name="frozen">Whether the backbone stays as it is: its parameters then need no gradients.</param>
    /// <exception cref="ArgumentException">The backbone has no <c>Linear</c>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A rank is negative, or the scale is not positive and finite.</exception>
    public MTLoRA(IEnumerable<string> tasks, Encoder backbone, int rank = 8, int sharedRank = 8, double scale = 2, bool frozen = false)
        : base(nameof(MTLoRA))
    {
        Arguments.NonNegative(rank, nameof(rank));
        Arguments.NonNegative(sharedRank, nameof(sharedRank));
        Arguments.Positive(scale, nameof(scale));
        encode = new(backbone);
        this.backbone = encode.Module;
        this.rank = rank;
        shared = Updates(encode.Dense, sharedRank, scale);
        own = new(tasks, _ => Updates(encode.Dense, rank, scale));
        encode.Hook(encode.Dense, Updated);
        if (frozen)
        {
            this.backbone.Freeze();
        }

        RegisterComponents();
    }

    /// <summary>A backbone with low-rank updates.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="backbone">Has at least one <c>Linear</c>. From here on it belongs to the trunk.</param>
    /// <param name="rank">The rank of each task's own updates, 0 or more; 8 by default.</param>
    /// <param name="sharedRank">The rank of the updates that all tasks share, 0 or more; 8 by default.</param>
    /// <param name="scale">s > 0, the factor of the updates; 2 by default.</param>
    /// <param name="frozen">Whether the backbone stays as it is: its parameters then need no gradients.</param>
    /// <exception cref="ArgumentException">The backbone has no <c>Linear</c>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A rank is negative, or the scale is not positive and finite.</exception>
    public MTLoRA(IEnumerable<LearningTask> tasks, Encoder backbone, int rank = 8, int sharedRank = 8, double scale = 2, bool frozen = false)
        : this(tasks.Select(t => t.Name), backbone, rank, sharedRank, scale, frozen)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => own.Names;

    /// <summary>The backbone, frozen or not (balancers pass over what is), and the updates that all tasks share.</summary>
    public override IEnumerable<Parameter> SharedParameters() => backbone.parameters().Concat(shared.parameters());

    /// <summary>The task's updates.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) => own.Of(task).parameters();

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => rank == 0 ? new(encode.Encode(input)) : new(task => Encode(task, input));

    private Tensor Encode(string task, Inputs input)
    {
        own.Of(task);
        return encode.Encode(task, input);
    }

    private Tensor Updated(string? task, string layer, Tensor input, Tensor output)
    {
        var updates = new[] { shared.Find(layer), task is null ? null : own.Of(task).Find(layer) };
        return updates.OfType<LowRank>().Aggregate(output, (sum, update) => sum + update.call(input));
    }

    private static NamedModules<LowRank> Updates(TaskMap<Linear> layers, int rank, double scale) =>
        new(rank == 0 ? [] : layers.Tasks, name => new(layers[name], rank, scale));
}
