namespace MultiTask.Tests.Fixtures;

/// <summary>Adam by hand, as in its paper, on a few numbers.</summary>
internal sealed class HandAdam(double[] start, double rate)
{
    private readonly double[] mean = new double[start.Length];
    private readonly double[] square = new double[start.Length];
    private int steps;

    public double[] Values { get; } = [.. start];

    public void Step(double[] gradient)
    {
        steps++;
        for (var k = 0; k < Values.Length; k++)
        {
            mean[k] = (0.9 * mean[k]) + (0.1 * gradient[k]);
            square[k] = (0.999 * square[k]) + (0.001 * gradient[k] * gradient[k]);
            Values[k] -= rate * (mean[k] / (1 - Math.Pow(0.9, steps))) / (Math.Sqrt(square[k] / (1 - Math.Pow(0.999, steps))) + 1e-8);
        }
    }
}
