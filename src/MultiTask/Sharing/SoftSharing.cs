using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Soft parameter sharing: a tower for each task, and a penalty on the distance between their weights.</summary>
/// <remarks>
/// <para>
/// The towers start as copies of the first, so that their units correspond. The penalty alone couples them: no parameter
/// is reached by two tasks' losses, so there is nothing for gradient balancers to balance, and each tower follows its own
/// loss and the penalty.
/// </para>
/// <para>As the penalty's strength goes to 0 this is <see cref="SingleTask"/>; as it grows, one common tower.</para>
/// </remarks>
public sealed class SoftSharing : Trunk
{
    private readonly Towers towers;
    private readonly SharingPenalty penalty;
    private readonly Func<string, double> layerWeight;

    /// <summary>A tower for each task, held together by a penalty.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="tower">Makes a new encoder on each call, always of the same shape.</param>
    /// <param name="penalty">The penalty on corresponding parameters. From here on it belongs to the trunk.</param>
    /// <param name="layerWeight">
    /// How much the penalty counts for a parameter, by its name in the tower (<c>0.weight</c>, <c>fc.bias</c>), ≥ 0; 1 by
    /// default. 0 leaves the parameter to its task.
    /// </param>
    /// <exception cref="ArgumentException">The towers' parameters differ in name or shape, or a weight is negative or not finite.</exception>
    public SoftSharing(IEnumerable<string> tasks, Func<Encoder> tower, SharingPenalty penalty, Func<string, double>? layerWeight = null)
        : base(nameof(SoftSharing))
    {
        ArgumentNullException.ThrowIfNull(penalty);
        this.penalty = penalty;
        this.layerWeight = layerWeight ?? (_ => 1);
        towers = new(tasks, tower);
        StartAlike();
        RegisterComponents();
    }

    /// <summary>A tower for each task, held together by a penalty.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="tower">Makes a new encoder on each call, always of the same shape.</param>
    /// <param name="penalty">The penalty on corresponding parameters. From here on it belongs to the trunk.</param>
    /// <param name="layerWeight">
    /// How much the penalty counts for a parameter, by its name in the tower (<c>0.weight</c>, <c>fc.bias</c>), ≥ 0; 1 by
    /// default. 0 leaves the parameter to its task.
    /// </param>
    /// <exception cref="ArgumentException">The towers' parameters differ in name or shape, or a weight is negative or not finite.</exception>
    public SoftSharing(IEnumerable<LearningTask> tasks, Func<Encoder> tower, SharingPenalty penalty, Func<string, double>? layerWeight = null)
        : this(tasks.Select(t => t.Name), tower, penalty, layerWeight)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => towers.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => [];

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => towers.Of(task);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => towers.call(input);

    /// <summary>The sum over the towers' parameters of layer weight × penalty.</summary>
    public override Tensor? Penalty()
    {
        using var scope = NewDisposeScope();
        var terms = towers.Layers()
            .Select(layer => (Weight: layerWeight(layer.Name), layer.OfTasks))
            .Where(layer => layer.Weight > 0)
            .Select(layer => penalty.Of(layer.OfTasks) * layer.Weight);
        return terms.Aggregate((Tensor?)null, (sum, term) => sum is null ? term : sum + term)?.MoveToOuterDisposeScope();
    }

    private void StartAlike()
    {
        using var off = no_grad();
        foreach (var (name, layer) in towers.Layers())
        {
            if (!(layerWeight(name) >= 0) || !double.IsFinite(layerWeight(name)))
            {
                throw new ArgumentException($"The layer weight of '{name}' should be non-negative and finite. Found {layerWeight(name)}.");
            }

            if (layer.Count < towers.Tasks.Count)
            {
                throw new ArgumentException($"Towers should have the same parameters. '{name}' is in {layer.Count} of {towers.Tasks.Count}.");
            }

            foreach (var parameter in layer.Skip(1))
            {
                if (!parameter.shape.SequenceEqual(layer[0].shape))
                {
                    throw new ArgumentException($"Towers should have the same shapes. '{name}' has {Shape.Of(layer[0])} in one and {Shape.Of(parameter)} in another.");
                }

                parameter.copy_(layer[0]);
            }
        }
    }
}
