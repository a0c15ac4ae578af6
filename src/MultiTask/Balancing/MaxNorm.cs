using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>The gradient half of DB-MTL: averaged gradients, each as long as the longest of them, summed.</summary>
/// <remarks>A gradient that is exactly zero has no direction and the weight 0.</remarks>
internal sealed class MaxNorm : GradientAggregator
{
    private readonly double forgetting;
    private readonly double decay;
    private readonly GradientAverages averages;

    public MaxNorm(IEnumerable<string> tasks, double forgetting, double decay)
        : base(nameof(DBMTL))
    {
        (this.forgetting, this.decay) = (forgetting, decay);
        averages = new(tasks, nameof(DBMTL));
        RegisterComponents();
    }

    public override bool RemembersGradients => forgetting > 0;

    public override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        using var scope = NewDisposeScope();
        var averaged = averages.Next(jacobian, RemembersGradients ? k => 1 - (forgetting / Math.Pow(k, decay)) : null);
        LastGramian = averaged.ToGramian();
        double[] norms = [.. Enumerable.Range(0, LastGramian.Count).Select(LastGramian.Norm)];
        var longest = norms.Max();
        LastWeights = TaskMap.Create(averaged.Tasks.Zip(norms, (task, norm) => (task, norm == 0 ? 0 : longest / norm)));

        // By way of a length between them, because a ratio of norms may leave the range of float32 (and that of float16 does).
        var exact = new Jacobian(averaged.Matrix.to(promote_types(averaged.Matrix.dtype, ScalarType.Float32)), averaged.Losses);
        var middle = Math.Sqrt(longest * norms.Where(norm => norm > 0).DefaultIfEmpty(0).Min());
        var combined = exact.Combine(Array.ConvertAll(norms, norm => norm == 0 ? 0 : middle / norm));
        return (longest == 0 ? combined : combined * (longest / middle)).MoveToOuterDisposeScope();
    }

    public override void Reset() => averages.Clear();
}
