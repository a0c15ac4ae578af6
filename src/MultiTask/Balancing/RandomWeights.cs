namespace MultiTask.Balancing;

/// <summary>Where the weights of <see cref="RLW"/> come from. In every case they are non-negative and sum to 1.</summary>
public enum RandomWeights
{
    /// <summary>The softmax of standard normal numbers: the paper's default.</summary>
    Normal,

    /// <summary>The softmax of numbers that are uniform in [0, 1): no weight is more than e times another.</summary>
    Uniform,

    /// <summary>Uniform on the simplex: the Dirichlet distribution with α = 1.</summary>
    Dirichlet,

    /// <summary>Each task is in with probability ½, and those that are in have equal weights; at least one is.</summary>
    Bernoulli,

    /// <summary>One task, drawn at random, has the weight 1.</summary>
    ConstrainedBernoulli,

    /// <summary>The softmax of normal numbers whose mean and deviation were drawn once for each task, uniform in [0, 1).</summary>
    RandomNormal,
}
