namespace MultiTask.Numerics;

/// <summary>Why a solver stopped.</summary>
internal enum SolverExit
{
    /// <summary>The optimality conditions hold to rounding.</summary>
    Optimal,

    /// <summary>Rounding allows no further progress.</summary>
    NoProgress,

    /// <summary>The limit of iterations was reached.</summary>
    IterationLimit,
}
