using MultiTask.Balancing;

namespace MultiTask.Tests.Fixtures;

/// <summary>Losses of a few numbers and their gradients, written out in plain C#: long trajectories in a moment.</summary>
/// <param name="Losses">The losses at x, one a task.</param>
/// <param name="Gradients">The gradients at x, a row a task.</param>
internal sealed record PlainProblem(Func<double[], double[]> Losses, Func<double[], double[][]> Gradients)
{
    private static readonly MGDA Mgda = new();

    /// <summary>The shortest vector in the convex hull of the gradients: 0 where x is Pareto stationary.</summary>
    public double Stationarity(double[] x)
    {
        var g = Gramians.Of(Gradients(x));
        return g.NormOf(Mgda.Weigh(g));
    }

    /// <summary>Where the method's weights lead.</summary>
    /// <param name="method">The weights of the tasks' gradients, by the losses and the gradients at a point.</param>
    /// <param name="start">The first point.</param>
    /// <param name="steps">How many steps to go.</param>
    /// <param name="step">The next point, from a point and the direction Σ wᵢ gᵢ there.</param>
    /// <returns>All points, <c>steps + 1</c> many.</returns>
    public IEnumerable<double[]> Descend(PlainMethod method, double[] start, int steps, Func<double[], double[], double[]> step)
    {
        var x = start;
        yield return x;
        for (var k = 0; k < steps; k++)
        {
            var gradients = Gradients(x);
            x = step(x, Laws.Direction(gradients, method(Losses(x), gradients)));
            yield return x;
        }
    }

    /// <summary>Where gradient descent with steps of a fixed size leads.</summary>
    public IEnumerable<double[]> Descend(PlainMethod method, double[] start, int steps, double learningRate) =>
        Descend(method, start, steps, (x, d) => [.. x.Select((v, k) => v - (learningRate * d[k]))]);
}

/// <summary>The weights of the tasks' gradients, by the losses and the gradients at a point.</summary>
internal delegate double[] PlainMethod(double[] losses, double[][] gradients);

/// <summary>The library's methods, by their plain functions.</summary>
internal static class PlainMethods
{
    public static PlainMethod Plain(this GramianWeighting method) => (_, gradients) => method.Weigh(Gramians.Of(gradients));

    public static PlainMethod Plain(this LossWeighting method) => (losses, _) => method.Weigh(Named(losses));

    /// <summary>A scalarizer has no weights but slopes, ∂scalar/∂loss.</summary>
    public static PlainMethod Plain(this Scalarizer method) => (losses, _) =>
        method.Slopes(Scalars.Of([.. losses.Select((loss, i) => ($"{i}", loss))]));

    public static TaskMap<double> Named(double[] losses) => TaskMap.Create(losses.Select((loss, i) => ($"{i}", loss)));
}
