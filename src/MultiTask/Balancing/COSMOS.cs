using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// COSMOS: one network for all preferences. It reads a preference that is drawn anew for each step, and its losses are
/// weighed by it and turned towards it.
/// </summary>
/// <remarks>
/// <para>
/// Ruchte and Grabocka, <i>Scalable Pareto Front Approximation for Deep Multi-Objective Learning</i> (ICDM 2021):
/// Σ rᵢℓᵢ − λ cos(ℓ, r) with r from a Dirichlet distribution. The model has to be conditioned on r, by reading
/// <see cref="Preference"/> in its forward pass; the authors append it to the input. <see cref="EndStep"/> draws the next
/// one. To use the trained network, set <see cref="Preference"/> to what you want.
/// </para>
/// <para>
/// In a batch that lacks tasks those that are there keep their entries of r. Where all losses are 0, which have no
/// direction, the cosine counts as 0. libmoon divides the sum by ‖r‖, too.
/// </para>
/// </remarks>
public sealed class COSMOS : Scalarizer
{
    private readonly TaskMap<double> concentrations;
    private readonly double penalty;
    private readonly Draws draws;
    private TaskMap<double>? chosen;

    /// <summary>COSMOS.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="penalty">λ ≥ 0, what the cosine counts; 2 by default. The authors use 0.01 to 8, depending on the data.</param>
    /// <param name="concentration">α > 0 of the Dirichlet distribution; 1.2 by default. Less draws more preferences near the ends.</param>
    /// <param name="seed">Where its own random numbers start.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public COSMOS(IEnumerable<string> tasks, double penalty = 2, double concentration = 1.2, long seed = 0)
        : this(TaskMap.Create(tasks.Select(task => (task, concentration))), penalty, seed)
    {
    }

    /// <summary>COSMOS.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="penalty">λ ≥ 0, what the cosine counts; 2 by default. The authors use 0.01 to 8, depending on the data.</param>
    /// <param name="concentration">α > 0 of the Dirichlet distribution; 1.2 by default. Less draws more preferences near the ends.</param>
    /// <param name="seed">Where its own random numbers start.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public COSMOS(IEnumerable<LearningTask> tasks, double penalty = 2, double concentration = 1.2, long seed = 0)
        : this(tasks.Select(t => t.Name), penalty, concentration, seed)
    {
    }

    /// <summary>COSMOS, with a concentration for each task.</summary>
    /// <param name="concentrations">α > 0 of the Dirichlet distribution, for all tasks that may come.</param>
    /// <param name="penalty">λ ≥ 0, what the cosine counts; 2 by default. The authors use 0.01 to 8, depending on the data.</param>
    /// <param name="seed">Where its own random numbers start.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or there is no task.</exception>
    public COSMOS(TaskMap<double> concentrations, double penalty = 2, long seed = 0)
        : base(nameof(COSMOS))
    {
        ArgumentNullException.ThrowIfNull(concentrations);
        if (concentrations.Count == 0)
        {
            throw new ArgumentException("There should be at least one task. Found none.", nameof(concentrations));
        }

        foreach (var (task, alpha) in concentrations)
        {
            if (!(alpha > 0) || !double.IsFinite(alpha))
            {
                throw new ArgumentException($"Task '{task}': the concentration should be positive and finite. Found {alpha}.", nameof(concentrations));
            }
        }

        this.concentrations = concentrations;
        this.penalty = Arguments.NonNegative(penalty, nameof(penalty));
        draws = new(seed);
        RegisterComponents();
    }

    /// <summary>r: how much each task counts in this step. Non-negative, with the sum 1.</summary>
    /// <remarks>What is set is divided by its sum, and stands until <see cref="EndStep"/> draws another.</remarks>
    /// <exception cref="ArgumentException">Tasks are missing or unknown, or a number is negative, or all are 0.</exception>
    public TaskMap<double> Preference
    {
        get
        {
            if (chosen is not null)
            {
                return chosen;
            }

            var r = Distributions.Dirichlet(draws.Current(), concentrations.Values);
            var next = 0;
            return concentrations.Map((_, _) => r[next++]);
        }

        set
        {
            ArgumentNullException.ThrowIfNull(value);
            TaskNames.ExpectKnown(value.Tasks, concentrations.Tasks, nameof(COSMOS));
            var sum = value.Values.Sum();
            if (value.Count < concentrations.Count || value.Values.Any(r => !(r >= 0)) || !(sum > 0) || !double.IsFinite(sum))
            {
                throw new ArgumentException($"A preference should have a non-negative number for each of {TaskNames.List(concentrations.Tasks)}, not all 0. Found {value}.", nameof(value));
            }

            chosen = value.Map((_, r) => r / sum);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, concentrations.Tasks, nameof(COSMOS));
        var vector = LossVector.Of(losses);
        var preference = Preference;
        var r = losses.Tasks.Select(task => preference[task]).ToArray();
        var sum = (vector * LossVector.Beside(vector, r)).sum();
        var length = Length(r) * vector.norm();
        return length.item<double>() == 0 ? sum : sum - (penalty * (sum / length));
    }

    /// <summary>Draws the preference of the next step.</summary>
    /// <param name="losses">Is not called.</param>
    public override void EndStep(Func<TaskMap<Tensor>> losses)
    {
        chosen = null;
        draws.Advance();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        chosen = null;
        draws.Clear();
    }

    private static double Length(double[] r) => Math.Sqrt(r.Sum(v => v * v));
}
