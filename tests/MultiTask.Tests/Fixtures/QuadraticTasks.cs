using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>fᵢ(x) = (x − uᵢ)ᵀ Aᵢ (x − uᵢ): the problems on which TorchJD draws trajectories, with their Pareto sets.</summary>
/// <param name="Name">What TorchJD calls it.</param>
/// <param name="A">Symmetric, positive semi-definite, a matrix a task.</param>
/// <param name="U">Each task's best point.</param>
/// <param name="Starts">Where to start from.</param>
/// <param name="LearningRate">A step at which every loss by itself falls.</param>
internal sealed record QuadraticTasks(string Name, double[][][] A, double[][] U, double[][] Starts, double LearningRate)
{
    /// <summary>Elementwise: each task has a coordinate of its own, so that there is no conflict and one best point, 0.</summary>
    public static QuadraticTasks Elementwise => new(
        "EWQ", [[[1, 0], [0, 0]], [[0, 0], [0, 1]]], [[0, 0], [0, 0]], [[3, -2], [0, -3], [-4, 4], [-3, 4], [-3.5, -0.75]], 0.075);

    /// <summary>Convex: two narrow valleys that cross.</summary>
    public static QuadraticTasks Convex => new(
        "CQF", [[[1, 0.2], [0.2, 0.05]], [[3, -0.6], [-0.6, 0.2]]], [[1, 0], [-1, 0]], [[0.5, 0.5], [-0.3, 7], [0, 0]], 0.125);

    /// <summary>Homogeneous: one shape for both tasks, ten times as steep for the second.</summary>
    public static QuadraticTasks Homogeneous => new(
        "HQF", [[[2, -1], [-1, 2]], [[20, -10], [-10, 20]]], [[1, 0], [-10, 0]], [[3, 4], [-8, -6], [-4, 9]], 0.005);

    public static IReadOnlyList<QuadraticTasks> All => [Elementwise, Convex, Homogeneous];

    public PlainProblem Problem => new(
        x => [.. A.Select((a, i) => Gramians.Dot(From(x, i), Times(a, From(x, i))))],
        x => [.. A.Select((a, i) => Array.ConvertAll(Times(a, From(x, i)), v => 2 * v))]);

    /// <summary>The Pareto map: the best point of Σ wᵢ fᵢ, which solves (Σ wᵢ Aᵢ) x = Σ wᵢ Aᵢ uᵢ.</summary>
    public double[] Best(double[] w)
    {
        using var scope = NewDisposeScope();
        var matrix = zeros([2, 2], float64);
        var right = zeros([2, 1], float64);
        for (var i = 0; i < w.Length; i++)
        {
            var a = stack(A[i].Select(row => tensor(row, float64)));
            matrix += w[i] * a;
            right += w[i] * a.mv(tensor(U[i], float64)).unsqueeze(1);
        }

        return linalg.lstsq(matrix, right).Solution.Values();
    }

    public override string ToString() => Name;

    private double[] From(double[] x, int task) => [.. x.Zip(U[task], (v, u) => v - u)];

    private static double[] Times(double[][] a, double[] x) => Array.ConvertAll(a, row => Gramians.Dot(row, x));
}
