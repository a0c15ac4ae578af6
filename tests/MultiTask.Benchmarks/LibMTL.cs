namespace MultiTask.Benchmarks;

/// <summary>
/// What LibMTL's steps take, in multiples of its own plain step, for 3, 8 and 40 tasks on the reference shape: measured with
/// PyTorch 1.13 and one thread on a machine of the same kind (two x86-64 cores), not in the same run.
/// </summary>
internal static class LibMTL
{
    private static readonly double[] PlainStep = [1.13, 1.86, 5.5];

    private static readonly Dictionary<string, double[]> Multiples = new()
    {
        ["PCGrad"] = [2.8, 10.0, 37],
        ["MGDA"] = [5.3, 10.8, 25],
        ["CAGrad"] = [4.5, 9.9, 21],
        ["GradVac"] = [3.3, 11.6, 56],
        ["FairGrad"] = [4.8, 8.0, 16],
        ["IMTLG"] = [2.5, 8.9, 23],
        ["AlignedMTL"] = [3.0, 7.0, 17],
        ["DBMTL"] = [3.4, 7.0, 17],
        ["GradNorm"] = [3.9, 7.0, 20],
        ["FAMO"] = [1.7, 1.7, 1.1],
    };

    private static readonly double[] MGDAAtRepresentation = [3.5, 6.0, 23];

    /// <summary>Milliseconds, or <c>null</c> where it was not measured.</summary>
    /// <param name="method">The balancer's name.</param>
    /// <param name="column">0 for 3 tasks, 1 for 8, 2 for 40.</param>
    /// <param name="at">Where gradients are balanced.</param>
    public static double? Milliseconds(string method, int column, BalanceAt at)
    {
        var multiples = at == BalanceAt.SharedParameters ? Multiples.GetValueOrDefault(method)
            : method == "MGDA" ? MGDAAtRepresentation
            : null;
        return multiples?[column] * PlainStep[column];
    }
}
