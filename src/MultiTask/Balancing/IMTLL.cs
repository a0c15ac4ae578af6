using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>IMTL-L: learns a scale for each loss so that the scaled losses become equal, for any balancer.</summary>
/// <remarks>
/// Liu et al., <i>Towards Impartial Multi-Task Learning</i> (ICLR 2021), eq. 7: g(ℓ) = eˢℓ − s, with s learned for each
/// task, starting at 0. At its fixed point eˢℓ = 1. With the default inner balancer, the sum, this is IMTL-L; inside
/// IMTL-G it is the paper's hybrid. The s are parameters: hand <c>parameters()</c> to the optimizer (the trainer does).
/// </remarks>
public sealed class IMTLL : LossTransform
{
    private readonly ParameterDict log_scale;

    /// <summary>The sum of the scaled losses: IMTL-L.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    public IMTLL(IEnumerable<string> tasks)
        : this(tasks, new EqualWeights())
    {
    }

    /// <summary>Another balancer of the scaled losses.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer of the scaled losses. From here on it belongs to this one.</param>
    public IMTLL(IEnumerable<string> tasks, Balancer inner)
        : base(nameof(IMTLL), inner)
    {
        log_scale = TaskParameters.Of(tasks, 0);
        RegisterComponents();
    }

    /// <summary>The sum of the scaled losses: IMTL-L.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    public IMTLL(IEnumerable<LearningTask> tasks)
        : this(tasks, new EqualWeights())
    {
    }

    /// <summary>Another balancer of the scaled losses.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer of the scaled losses. From here on it belongs to this one.</param>
    public IMTLL(IEnumerable<LearningTask> tasks, Balancer inner)
        : this(tasks.Select(t => t.Name), inner)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override TaskMap<Tensor> Transform(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, [.. log_scale.keys()], nameof(IMTLL));
        return losses.Map((task, loss) => (log_scale[task].exp() * loss) - log_scale[task]);
    }
}
