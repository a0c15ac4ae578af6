using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Lets a pretrained network learn layer by layer, the last layers first.</summary>
/// <remarks>
/// <para>
/// Howard and Ruder, <i>Universal Language Model Fine-tuning for Text Classification</i> (ACL 2018): the last group of layers is
/// trained for an epoch, then one more group thaws each epoch, so that the errors of new heads do not at once disturb what the
/// first layers know. What belongs to no group trains all along.
/// </para>
/// <para>
/// At the start of a run all groups but the first are frozen (<see cref="Freezing"/>), whatever they were before. Which are is
/// a matter of the epoch's number alone, so a run that is resumed goes on with the same. Groups stay as they are at the end of
/// a run. Where a group thaws, a balancer that <see cref="Balancer.RemembersGradients"/> is reset, because what it remembers is of
/// fewer parameters.
/// </para>
/// </remarks>
public sealed class GradualUnfreezing : TrainerCallback
{
    private readonly nn.Module[][] groups;
    private readonly int everyEpochs;

    /// <summary>Gradual unfreezing.</summary>
    /// <param name="groups">
    /// Modules of the model, in the order in which they thaw: those nearest to the heads first. The first group is never frozen; an
    /// empty one lets the heads train alone at first.
    /// </param>
    /// <param name="everyEpochs">After how many epochs one more group thaws, 1 or more; the default is 1, as in the paper.</param>
    /// <exception cref="ArgumentException">There is no group, a module is null, or a parameter is in two groups.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="everyEpochs"/> is less than 1.</exception>
    public GradualUnfreezing(IEnumerable<IEnumerable<nn.Module>> groups, int everyEpochs = 1)
    {
        ArgumentNullException.ThrowIfNull(groups);
        this.everyEpochs = Arguments.AtLeastOne(everyEpochs, nameof(everyEpochs));
        this.groups = [.. groups.Select(group => group?.ToArray() ?? throw new ArgumentException("`groups` should be groups of modules. One is null.", nameof(groups)))];
        if (this.groups.Length == 0)
        {
            throw new ArgumentException("`groups` should have at least one group. Found none.", nameof(groups));
        }

        ExpectDistinct();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A group has parameters that are none of the model's.</exception>
    public override void OnStart(Trainer trainer, int epoch, int batchesRead)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ExpectOf(trainer.Model);
        Apply(trainer, epoch, begins: batchesRead == 0);
    }

    /// <inheritdoc/>
    public override void OnEpoch(Trainer trainer, EpochReport report)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(report);
        Apply(trainer, report.Epoch + 1, begins: true);
    }

    private int Thawed(int epoch) => Math.Min(groups.Length, 1 + (epoch / everyEpochs));

    private void Apply(Trainer trainer, int epoch, bool begins)
    {
        var thawed = Thawed(epoch);
        for (var i = 0; i < groups.Length; i++)
        {
            Array.ForEach(groups[i], i < thawed ? module => module.Unfreeze() : module => module.Freeze());
        }

        trainer.Model.train();
        if (begins && trainer.Balancer.RemembersGradients && (epoch == 0 || thawed != Thawed(epoch - 1)))
        {
            trainer.Balancer.Reset();
        }
    }

    private void ExpectDistinct()
    {
        var seen = new Dictionary<IntPtr, int>();
        for (var i = 0; i < groups.Length; i++)
        {
            if (groups[i].Contains(null))
            {
                throw new ArgumentException($"`groups` should be groups of modules. Group {i} has one that is null.");
            }

            foreach (var parameter in groups[i].SelectMany(module => module.parameters()).DistinctBy(p => p.Handle))
            {
                if (!seen.TryAdd(parameter.Handle, i))
                {
                    throw new ArgumentException($"`groups` should have no parameter in common. One of shape {Shape.Of(parameter)} is in groups {seen[parameter.Handle]} and {i}.");
                }
            }
        }
    }

    private void ExpectOf(MultiTaskModel model)
    {
        var own = model.parameters().Select(p => p.Handle).ToHashSet();
        for (var i = 0; i < groups.Length; i++)
        {
            if (groups[i].SelectMany(module => module.parameters()).FirstOrDefault(p => !own.Contains(p.Handle)) is { } foreign)
            {
                throw new ArgumentException($"The groups to unfreeze should be modules of the model. Group {i} has a parameter of shape {Shape.Of(foreign)} that the model lacks.");
            }
        }
    }
}
