using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// The inner products of the tasks' gradients, G = J Jᵀ: a small immutable symmetric matrix in float64. All that many
/// balancing methods need to know.
/// </summary>
public sealed class Gramian
{
    private readonly double[,] entries;

    /// <summary>A Gramian from its entries.</summary>
    /// <param name="entries">A symmetric m × m matrix with a diagonal ≥ 0, finite; it is copied.</param>
    /// <param name="losses">The tasks' names and loss values, m many; without, tasks are named <c>"0"</c>, <c>"1"</c>, … and their losses are NaN.</param>
    /// <exception cref="ArgumentException">The matrix is not such.</exception>
    public Gramian(double[,] entries, TaskMap<double>? losses = null)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var m = entries.GetLength(0);
        if (m == 0 || entries.GetLength(1) != m || (losses is not null && losses.Count != m))
        {
            throw new ArgumentException(
                $"A Gramian should be square, not empty, and have a row for each task. Found {m} × {entries.GetLength(1)} for {losses?.Count ?? m} tasks.", nameof(entries));
        }

        this.entries = new double[m, m];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < m; j++)
            {
                var (a, b) = (entries[i, j], entries[j, i]);
                if (!double.IsFinite(a) || entries[i, i] < 0 || Math.Abs(a - b) > 1e-6 * Math.Sqrt(entries[i, i]) * Math.Sqrt(entries[j, j]))
                {
                    throw new ArgumentException($"A Gramian should be finite and symmetric with a diagonal ≥ 0. Found [{i}, {j}] = {a}, [{j}, {i}] = {b}.", nameof(entries));
                }

                this.entries[i, j] = i <= j ? a : b;
            }
        }

        Losses = losses ?? TaskMap.Create(Enumerable.Range(0, m).Select(i => (i.ToString(System.Globalization.CultureInfo.InvariantCulture), double.NaN)));
    }

    /// <summary>The number of tasks, m.</summary>
    public int Count => entries.GetLength(0);

    /// <summary>The names of the tasks, in the order of the rows.</summary>
    public IReadOnlyList<string> Tasks => Losses.Tasks;

    /// <summary>The values of the losses, in the order of the rows; NaN where they are not known.</summary>
    public TaskMap<double> Losses { get; }

    /// <summary>gᵢ · gⱼ.</summary>
    /// <param name="i">A row.</param>
    /// <param name="j">A column.</param>
    public double this[int i, int j] => entries[i, j];

    /// <summary>The Gramian of a Jacobian.</summary>
    /// <param name="jacobian">The gradients, one row a task.</param>
    /// <exception cref="NonFiniteException">A gradient has an entry that is NaN or infinite.</exception>
    public static Gramian Of(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        var entries = Products(jacobian);
        for (var i = 0; i < jacobian.Tasks.Count; i++)
        {
            if (!double.IsFinite(entries[i, i]))
            {
                jacobian.Finite();
                throw new NonFiniteException(jacobian.Tasks[i], "squared norm of the gradient", entries[i, i]);
            }
        }

        return new(entries, jacobian.Losses);
    }

    private static double[,] Products(Jacobian jacobian)
    {
        using var scope = NewDisposeScope();
        return RowProducts.OfItself(jacobian.Rows);
    }

    /// <summary>The Gramian of gradients that were taken part by part: the sum of those of the parts, at least one, of the same tasks.</summary>
    internal static Gramian Sum(IEnumerable<Gramian> parts) => parts.Aggregate((sum, next) =>
    {
        var entries = new double[sum.Count, sum.Count];
        for (var i = 0; i < sum.Count; i++)
        {
            for (var j = 0; j < sum.Count; j++)
            {
                entries[i, j] = sum[i, j] + next[i, j];
            }
        }

        return new(entries, sum.Losses);
    });

    /// <summary>‖gᵢ‖.</summary>
    /// <param name="i">A row.</param>
    public double Norm(int i) => Math.Sqrt(entries[i, i]);

    /// <summary>The cosine of the angle between gᵢ and gⱼ, in [-1, 1]; 0 where either is zero.</summary>
    /// <param name="i">A row.</param>
    /// <param name="j">A column.</param>
    public double Cosine(int i, int j)
    {
        var norms = Norm(i) * Norm(j);
        return norms == 0 ? 0 : Math.Clamp(entries[i, j] / norms, -1, 1);
    }

    /// <summary>G w: the inner product of each gradient with Σ wⱼ gⱼ.</summary>
    /// <param name="weights">m weights.</param>
    public double[] Times(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var product = new double[Count];
        for (var i = 0; i < Count; i++)
        {
            for (var j = 0; j < Count; j++)
            {
                product[i] += entries[i, j] * weights[j];
            }
        }

        return product;
    }

    /// <summary>‖Σ wᵢ gᵢ‖.</summary>
    /// <param name="weights">m weights.</param>
    public double NormOf(IReadOnlyList<double> weights)
    {
        var products = Times(weights);
        var squared = 0.0;
        for (var i = 0; i < Count; i++)
        {
            squared += weights[i] * products[i];
        }

        return Math.Sqrt(Math.Max(0, squared)); // below 0 by rounding, where gradients cancel
    }
}
