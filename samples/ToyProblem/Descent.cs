using MultiTask;
using MultiTask.Balancing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ToyProblem;

/// <summary>The way from a start to an end.</summary>
/// <param name="Points">The start, every tenth point, and the end.</param>
/// <param name="Losses">At the end.</param>
/// <param name="Steps">How many were made.</param>
internal sealed record Descent(IReadOnlyList<(double X1, double X2)> Points, TaskMap<double> Losses, int Steps)
{
    /// <summary>Whether the end is in the Pareto set.</summary>
    public bool OnTheFront => Math.Abs(Points[^1].X1) < 7.05 && Math.Abs(Points[^1].X2 - Toy.ParetoX2) < 0.1;

    /// <summary>The loop of any training; the point is the network.</summary>
    public static Descent Of(Balancer balancer, (double X1, double X2) start, Settings settings)
    {
        using var scope = NewDisposeScope();
        using var x = new Parameter(tensor([start.X1, start.X2], dtype: ScalarType.Float64));
        using var optimizer = optim.Adam([x, .. balancer.parameters()], settings.LearningRate);
        var points = new List<(double X1, double X2)> { start };
        var steps = 0;
        while (steps < settings.Steps && !AtRest(points))
        {
            using var step = NewDisposeScope();
            optimizer.zero_grad();
            balancer.Backward(Toy.Losses(x, settings.Scale), [x]);
            optimizer.step();
            balancer.EndStep(() => Toy.Losses(x, settings.Scale));
            if (++steps % 10 == 0)
            {
                points.Add((x[0].item<double>(), x[1].item<double>()));
            }
        }

        return new(points, Toy.Losses(x.detach(), settings.Scale).Map((_, loss) => loss.item<double>()), steps);
    }

    /// <summary>Whether the last thousand steps have not led a ten-thousandth away.</summary>
    private static bool AtRest(List<(double X1, double X2)> points)
    {
        const int Ago = 100;
        return points.Count > Ago
            && Math.Abs(points[^1].X1 - points[^(Ago + 1)].X1) < 1e-4
            && Math.Abs(points[^1].X2 - points[^(Ago + 1)].X2) < 1e-4;
    }
}
