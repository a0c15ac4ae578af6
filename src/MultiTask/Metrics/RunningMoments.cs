namespace MultiTask.Metrics;

/// <summary>Weighted mean and squared deviations, number by number and numerically stable.</summary>
/// <remarks>Welford 1962, with weights as in West 1979: no difference of large sums is ever taken.</remarks>
internal struct RunningMoments
{
    /// <summary>How many numbers there were.</summary>
    public long Count { get; private set; }

    /// <summary>Their weights' sum.</summary>
    public double Weight { get; private set; }

    /// <summary>Their weighted mean.</summary>
    public double Mean { get; private set; }

    /// <summary><c>Σ w (x − mean)²</c>.</summary>
    public double Deviation { get; private set; }

    /// <summary>Takes in a number.</summary>
    public void Add(double x, double weight)
    {
        Count++;
        Weight += weight;
        var before = x - Mean;
        Mean += before * weight / Weight;
        Deviation += weight * before * (x - Mean);
    }
}
