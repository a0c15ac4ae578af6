namespace MultiTask.Tests.Fixtures;

/// <summary>Adam on a few numbers, with the usual β₁ = 0.9, β₂ = 0.999 and ε = 1e-8.</summary>
internal sealed class PlainAdam(double learningRate)
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private double[] first = [];
    private double[] second = [];
    private double decay1 = 1;
    private double decay2 = 1;

    /// <summary>The next point.</summary>
    public double[] Step(double[] x, double[] gradient)
    {
        if (first.Length == 0)
        {
            (first, second) = (new double[x.Length], new double[x.Length]);
        }

        (decay1, decay2) = (decay1 * Beta1, decay2 * Beta2);
        var next = new double[x.Length];
        for (var k = 0; k < x.Length; k++)
        {
            first[k] = (Beta1 * first[k]) + ((1 - Beta1) * gradient[k]);
            second[k] = (Beta2 * second[k]) + ((1 - Beta2) * gradient[k] * gradient[k]);
            next[k] = x[k] - (learningRate * first[k] / (1 - decay1) / (Math.Sqrt(second[k] / (1 - decay2)) + 1e-8));
        }

        return next;
    }
}
