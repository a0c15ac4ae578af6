using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One backbone for many domains: each task has factors of its own of all dense layers, and statistics of its own in batch normalisation.</summary>
/// <remarks>
/// <para>
/// Sheng et al., <i>One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction</i> (CIKM 2021). Tasks are
/// domains. In each <c>Linear</c> of the backbone domain t computes (W ⊙ Wₜ) x + b + bₜ, in each batch normalisation
/// (γ ⊙ γₜ)(z − μₜ)/√(σₜ² + ε) + β + βₜ: with the statistics of the domain's samples in training, and with the domain's own running ones in
/// evaluation. The auxiliary network, if there is one, reads the domain's embedding together with the inputs, and what it
/// gives is added to the representation. The paper adds it to the logit, so a backbone that ends in one logit, with an
/// <c>Identity()</c> head, is the paper's.
/// </para>
/// <para>
/// Own factors start at 1, own biases at 0 and own running statistics as the backbone's, so that, without an auxiliary
/// network, the trunk starts as <see cref="HardSharing"/>. There is no code of the authors'; that of others draws both W and Wₜ as new dense layers
/// are drawn, and W ⊙ Wₜ is then far smaller than either. The paper normalises the input; here it is the caller's normalisations that
/// are partitioned, wherever they stand: begin the backbone with a <c>BatchNorm1d</c> to have the paper's. A layer without bias, or a
/// normalisation without γ and β, gets none. Other layers, convolutions among them, are shared as they are, and so are those
/// that run inside native modules (<c>MultiheadAttention</c>, <c>TransformerEncoderLayer</c>).
/// </para>
/// <para>
/// The backbone runs once for each task that is asked for, and its normalisations, whose own running statistics nothing
/// reads any more, stay in evaluation mode. Samples of a <see cref="BatchPart"/> belong to all tasks that have labels in it: give each
/// domain a part of its own. In training a domain with one value for each channel in a part, such as one sample, is
/// normalised by its running statistics and does not move them.
/// </para>
/// </remarks>
public sealed class STAR : Trunk
{
    private readonly nn.Module backbone;
    private readonly nn.Module? auxiliary;
    private readonly TaskBackbone encode;
    private readonly Encoder? addition;
    private readonly TaskMap<BatchNorm> batchNorms;
    private readonly NamedModules<NamedModules<DenseFactor>> dense;
    private readonly NamedModules<NamedModules<PartitionedNorm>> norms;
    private readonly NamedModules<TaskVector> embeddings;

    /// <summary>A backbone for many domains.</summary>
    /// <param name="tasks">The tasks' names: the domains.</param>
    /// <param name="backbone">Has at least one <c>Linear</c>. From here on it belongs to the trunk.</param>
    /// <param name="auxiliary">
    /// A small network whose output, of the shape of the backbone's, is added to it; none by default. A module of one tensor
    /// reads <c>[n, width + embedding]</c>: the inputs, flattened, and then the domain's embedding. Any other reads the inputs as they are
    /// and, as one tensor more, the embedding, <c>[n, embedding]</c>. From here on it belongs to the trunk.
    /// </param>
    /// <param name="embedding">The length of a domain's embedding, 1 or more; 16 by default. Without an auxiliary network there is none.</param>
    /// <exception cref="ArgumentException">The backbone has no <c>Linear</c>, or the auxiliary network is part of it.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="embedding"/> is less than 1.</exception>
    public STAR(IEnumerable<string> tasks, Encoder backbone, Encoder? auxiliary = null, int embedding = 16)
        : base(nameof(STAR))
    {
        Arguments.AtLeastOne(embedding, nameof(embedding));
        string[] names = [.. tasks];
        encode = new(backbone);
        addition = auxiliary;
        this.backbone = encode.Module;
        this.auxiliary = auxiliary?.Module;
        ExpectApart(this.backbone, this.auxiliary);
        var like = encode.Dense.Values[0].weight!;
        batchNorms = encode.Layers<BatchNorm>("norm");
        dense = new(names, _ => new(encode.Dense.Tasks, layer => new(encode.Dense[layer])));
        norms = new(names, _ => new(batchNorms.Tasks, layer => new(batchNorms[layer])));
        embeddings = new(auxiliary is null ? [] : names, _ => new(randn([embedding], like.dtype, like.device)));
        encode.Hook(encode.Dense, (task, layer, input, output) => task is null ? output : dense.Of(task).Of(layer).Of(encode.Dense[layer], input));
        encode.Hook(batchNorms, (task, layer, input, output) => task is null ? output : norms.Of(task).Of(layer).Of(batchNorms[layer], input));
        RegisterComponents();
        KeepStatistics();
    }

    /// <summary>A backbone for many domains.</summary>
    /// <param name="tasks">The tasks: the domains.</param>
    /// <param name="backbone">Has at least one <c>Linear</c>. From here on it belongs to the trunk.</param>
    /// <param name="auxiliary">
    /// A small network whose output, of the shape of the backbone's, is added to it; none by default. A module of one tensor
    /// reads <c>[n, width + embedding]</c>: the inputs, flattened, and then the domain's embedding. Any other reads the inputs as they are
    /// and, as one tensor more, the embedding, <c>[n, embedding]</c>. From here on it belongs to the trunk.
    /// </param>
    /// <param name="embedding">The length of a domain's embedding, 1 or more; 16 by default. Without an auxiliary network there is none.</param>
    /// <exception cref="ArgumentException">The backbone has no <c>Linear</c>, or the auxiliary network is part of it.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="embedding"/> is less than 1.</exception>
    public STAR(IEnumerable<LearningTask> tasks, Encoder backbone, Encoder? auxiliary = null, int embedding = 16)
        : this(tasks.Select(t => t.Name), backbone, auxiliary, embedding)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => dense.Names;

    /// <summary>The backbone and the auxiliary network.</summary>
    public override IEnumerable<Parameter> SharedParameters() => backbone.parameters().Concat(auxiliary?.parameters() ?? []);

    /// <summary>The domain's factors of dense layers and normalisations, and its embedding.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) =>
        dense.Of(task).parameters().Concat(norms.Of(task).parameters()).Concat(embeddings.Find(task)?.parameters() ?? []);

    /// <inheritdoc/>
    public override void train(bool train = true)
    {
        base.train(train);
        KeepStatistics();
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => new(task =>
    {
        dense.Of(task);
        var h = encode.Encode(task, input);
        return addition is null ? h : h + Auxiliary(addition, embeddings.Of(task).Weight, input, h);
    });

    private static Tensor Auxiliary(Encoder network, Tensor embedding, Inputs input, Tensor h)
    {
        var (n, domain) = (input.Samples, embedding.expand(input.Samples, -1));
        Inputs read = network.Module is nn.Module<Tensor, Tensor>
            ? cat([.. input.Select(t => t.reshape(n, -1).to_type(embedding.dtype)), domain], 1)
            : [.. input, domain];
        var added = network.Encode(read);
        return added.shape.AsSpan().SequenceEqual(h.shape)
            ? added
            : throw new ArgumentException($"`auxiliary` should give what the backbone gives, of shape {Shape.Of(h)} here. Found {Shape.Of(added)}.");
    }

    /// <summary>The backbone's normalisations would count the samples of all domains together.</summary>
    private void KeepStatistics()
    {
        foreach (var norm in batchNorms.Values)
        {
            norm.eval();
        }
    }

    private static void ExpectApart(nn.Module backbone, nn.Module? auxiliary)
    {
        if (ReferenceEquals(backbone, auxiliary) || auxiliary?.parameters().Any(p => backbone.parameters().Any(q => q.Handle == p.Handle)) == true)
        {
            throw new ArgumentException("`auxiliary` should be a network of its own. Found a module or parameter of the backbone in it.", nameof(auxiliary));
        }
    }
}
