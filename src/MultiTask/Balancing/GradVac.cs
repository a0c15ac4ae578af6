using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>GradVac: where two tasks' gradients are less alike than they used to be, turns each towards the other.</summary>
/// <remarks>
/// <para>
/// Wang et al., <i>Gradient Vaccine: Investigating and Improving Multi-task Optimization in Massively Multilingual Models</i>
/// (ICLR 2021), the algorithm of appendix E. Each pair of tasks has a target φ̂ᵢⱼ, at first 0. For each task i,
/// over the others j in random order: φ is the cosine of gᵢ, as changed so far, and gⱼ, as it was; where φ &lt; φ̂ᵢⱼ,
/// gᵢ ← gᵢ + ‖gᵢ‖ (φ̂ᵢⱼ √(1−φ²) − φ √(1−φ̂ᵢⱼ²)) / (‖gⱼ‖ √(1−φ̂ᵢⱼ²)) gⱼ, which makes their cosine φ̂ᵢⱼ; then, in either case,
/// φ̂ᵢⱼ ← (1−β) φ̂ᵢⱼ + βφ. The result is the sum. With targets of 0 it is <see cref="PCGrad"/>, and so the first step is. All is
/// done in coordinates of the gradients, so only their inner products are needed.
/// </para>
/// <para>
/// The paper has a target for each pair and each group of parameters, and compares the whole model, encoder and decoder,
/// layers and matrices as groups. Here all that is balanced is one group. LibMTL and TorchJD have β = 0.5; LibMTL moves a
/// target only where it changed a gradient, so that targets never rise; both add 1e-8 to the denominators, which has a scale.
/// </para>
/// <para>
/// A gradient that is zero, or that others have reduced to zero, has no cosine: it changes nothing and no target. Cosines
/// that differ from their targets by no more than rounding are as they should be. A target near 1 takes a large multiple of
/// gⱼ, and one of 1 is out of reach; so gᵢ is turned only as far as leaves it at most a million times as long as it was.
/// </para>
/// </remarks>
public sealed class GradVac : GramianWeighting
{
    private readonly double beta;
    private readonly PairMemory targets;
    private readonly Draws draws;

    /// <summary>GradVac.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="beta">β in [0, 1], how fast targets follow; the paper's default is 0.01.</param>
    /// <param name="seed">Where the random orders start.</param>
    /// <exception cref="ArgumentException">β is not in [0, 1], or names are not distinct.</exception>
    public GradVac(IEnumerable<string> tasks, double beta = 1e-2, long seed = 0)
        : base(nameof(GradVac))
    {
        this.beta = Arguments.Fraction(beta, nameof(beta));
        targets = new(tasks, initial: 0);
        draws = new(seed);
        RegisterComponents();
    }

    /// <summary>GradVac.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="beta">β in [0, 1], how fast targets follow; the paper's default is 0.01.</param>
    /// <param name="seed">Where the random orders start.</param>
    /// <exception cref="ArgumentException">β is not in [0, 1], or names are not distinct.</exception>
    public GradVac(IEnumerable<LearningTask> tasks, double beta = 1e-2, long seed = 0)
        : this(tasks.Select(t => t.Name), beta, seed)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        TaskNames.ExpectKnown(gramian.Tasks, targets.Tasks, nameof(GradVac));
        var random = draws.Next();
        var sum = new double[gramian.Count];
        for (var i = 0; i < gramian.Count; i++)
        {
            var g = new Vaccinated(gramian, i);
            foreach (var j in Orders.Shuffled(random, gramian.Count, i))
            {
                var target = targets[gramian.Tasks[i], gramian.Tasks[j]];
                if (g.Meet(j, target) is { } cosine)
                {
                    targets[gramian.Tasks[i], gramian.Tasks[j]] = ((1 - beta) * target) + (beta * cosine);
                }
            }

            for (var k = 0; k < sum.Length; k++)
            {
                sum[k] += g.Coordinates[k];
            }
        }

        return sum;
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        targets.Clear();
        draws.Clear();
    }

    /// <summary>gᵢ as changed so far, c in the basis g₁ … gₘ.</summary>
    private sealed class Vaccinated(Gramian g, int i)
    {
        private const double MostGrowth = 1e6;
        private double[] products = [.. Enumerable.Range(0, g.Count).Select(k => g[i, k])];

        public double[] Coordinates { get; } = [.. Enumerable.Range(0, g.Count).Select(k => k == i ? 1.0 : 0.0)];

        /// <summary>Raises the cosine with gⱼ to its target; returns what it was, or <c>null</c> where there is none.</summary>
        public double? Meet(int j, double target)
        {
            var norm = Norm(out var rounding);
            if (norm == 0 || g[j, j] == 0)
            {
                return null;
            }

            var cosine = Math.Clamp(products[j] / (norm * g.Norm(j)), -1, 1);
            if (target - cosine > rounding)
            {
                Add(j, norm * Multiple(cosine, target, MostGrowth * g.Norm(i) / norm) / g.Norm(j));
            }

            return cosine;
        }

        /// <summary>
        /// φ̂ √(1−φ²) / √(1−φ̂²) − φ, which makes the vector √(1−φ²) / √(1−φ̂²) times as long; φ̂ is lowered where that would be
        /// longer than it may.
        /// </summary>
        private static double Multiple(double cosine, double target, double mostGrowth)
        {
            var growth = Sine(cosine) == 0 ? 0 : Sine(cosine) / Sine(target);
            return growth <= mostGrowth
                ? (target * growth) - cosine
                : (Sine(Sine(cosine) / mostGrowth) * mostGrowth) - cosine;
        }

        /// <summary>The norm, 0 if it is no more than rounding made it, and how well float64 knows the cosine.</summary>
        private double Norm(out double rounding)
        {
            var (squared, length) = (0.0, 0.0);
            for (var k = 0; k < Coordinates.Length; k++)
            {
                squared += Coordinates[k] * products[k];
                length += Math.Abs(Coordinates[k]) * g.Norm(k);
            }

            var resolution = 4 * Dense.Epsilon * g.Count;
            var norm = squared > resolution * length * length ? Math.Sqrt(squared) : 0;
            rounding = resolution * length / norm;
            return norm;
        }

        private void Add(int j, double multiple)
        {
            Coordinates[j] += multiple;
            products = [.. products.Select((p, k) => p + (multiple * g[j, k]))];
        }

        /// <summary>√(1 − x²).</summary>
        private static double Sine(double x) => Math.Sqrt(Math.Max(0, (1 - x) * (1 + x)));
    }
}
