using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>Tasks with quadratic training and validation losses of two parameters, ½(θ − c)ᵀH(θ − c) + 1, in torch and by hand.</summary>
internal sealed class BilevelToy : IDisposable
{
    private static readonly Quadratic[] Lower =
    [
        new([1.5, 0.3, 0.3, 0.8], [1, -0.5]), new([0.6, -0.2, -0.2, 1.1], [-0.8, 0.7]), new([0.9, 0.1, 0.1, 0.4], [0.2, 1.3]),
    ];

    private static readonly Quadratic[] Upper =
    [
        new([1.1, 0.2, 0.2, 0.9], [0.7, -0.1]), new([0.8, -0.1, -0.1, 1.2], [-0.5, 0.9]), new([0.5, 0.3, 0.3, 0.7], [0.4, 0.8]),
    ];

    private readonly Parameter theta;

    public BilevelToy(ScalarType dtype = ScalarType.Float64) => theta = nn.Parameter(tensor(new[] { 1.7, -1.2 }, dtype: dtype));

    public static string[] Names { get; } = ["a", "b", "c"];

    public Parameter Theta => theta;

    /// <summary>θ, as numbers.</summary>
    public double[] Point => theta.Values();

    public TaskMap<Tensor> Training(params string[] tasks) => Losses(Lower, tasks);

    public TaskMap<Tensor> Validation(params string[] tasks) => Losses(Upper, tasks);

    /// <summary>Makes a step of gradient descent and clears the gradient.</summary>
    public void Step(double rate)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        theta.sub_(theta.grad! * rate);
        theta.grad = null;
    }

    public static double Training(int task, double[] at) => Lower[task].Value(at);

    public static double Validation(int task, double[] at) => Upper[task].Value(at);

    public static double[] TrainingGradient(int task, double[] at) => Lower[task].Gradient(at);

    public static double[] ValidationGradient(int task, double[] at) => Upper[task].Gradient(at);

    /// <summary>θ − η Σ wₖ∇ℓₖ(θ).</summary>
    public static double[] After(double[] at, double[] weights, double rate)
    {
        var sum = Sum(weights.Select((w, k) => (w, TrainingGradient(k, at))));
        return [at[0] - (rate * sum[0]), at[1] - (rate * sum[1])];
    }

    public static double[] Sum(IEnumerable<(double Weight, double[] Vector)> terms) =>
        terms.Aggregate(new double[2], (sum, term) => [sum[0] + (term.Weight * term.Vector[0]), sum[1] + (term.Weight * term.Vector[1])]);

    /// <summary>The argmin of Σ wₖℓₖ.</summary>
    public static double[] Minimum(double[] weights)
    {
        var (h, b) = (new double[4], new double[2]);
        for (var k = 0; k < weights.Length; k++)
        {
            var slope = Lower[k].Gradient([0, 0]);
            for (var e = 0; e < 4; e++)
            {
                h[e] += weights[k] * Lower[k].H[e];
            }

            (b[0], b[1]) = (b[0] - (weights[k] * slope[0]), b[1] - (weights[k] * slope[1]));
        }

        var det = (h[0] * h[3]) - (h[1] * h[2]);
        return [((h[3] * b[0]) - (h[1] * b[1])) / det, ((h[0] * b[1]) - (h[2] * b[0])) / det];
    }

    /// <summary>The gradient of a function by central differences.</summary>
    public static double[] Differences(Func<double[], double> function, double[] at, double step = 1e-5) =>
        [.. at.Select((_, k) => (function(Moved(at, k, step)) - function(Moved(at, k, -step))) / (2 * step))];

    public void Dispose() => theta.Dispose();

    private static double[] Moved(double[] at, int k, double by)
    {
        double[] moved = [.. at];
        moved[k] += by;
        return moved;
    }

    private TaskMap<Tensor> Losses(Quadratic[] level, string[] tasks) => TaskMap.Create(
        (tasks.Length == 0 ? Names : tasks).Select(task => (task, level[Array.IndexOf(Names, task)].Loss(theta))));

    private sealed record Quadratic(double[] H, double[] Center)
    {
        public Tensor Loss(Tensor theta)
        {
            var away = theta - tensor(Center, dtype: theta.dtype);
            return (away.unsqueeze(0).matmul(tensor(H, dtype: theta.dtype).reshape(2, 2)).squeeze(0) * away).sum() / 2 + 1;
        }

        public double Value(double[] at) => (Gramians.Dot(Gradient(at), [at[0] - Center[0], at[1] - Center[1]]) / 2) + 1;

        public double[] Gradient(double[] at)
        {
            var (x, y) = (at[0] - Center[0], at[1] - Center[1]);
            return [(H[0] * x) + (H[1] * y), (H[2] * x) + (H[3] * y)];
        }
    }
}
