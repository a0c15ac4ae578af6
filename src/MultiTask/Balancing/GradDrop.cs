using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>GradDrop: for each entry of the gradient, keeps at random only the positive or only the negative parts.</summary>
/// <remarks>
/// Chen et al., <i>Just Pick a Sign</i> (NeurIPS 2020), algorithm 1: P = ½(1 + Σgᵢ / Σ|gᵢ|) is the probability to keep the
/// positive entries; d = Σ (λᵢ + (1 − λᵢ) Mᵢ) gᵢ with the leak λᵢ. The paper drops at an activation; like other libraries this
/// class drops wherever the balancer is placed, and at the representation as the paper does without its sign by activation.
/// </remarks>
public sealed class GradDrop : GradientAggregator
{
    private readonly Draws draws;
    private readonly TaskMap<double> leak;

    /// <summary>GradDrop.</summary>
    /// <param name="leak">For some tasks, the part of their gradient that always passes, in [0, 1]; the default is 0.</param>
    /// <param name="seed">Where the random signs start.</param>
    /// <exception cref="ArgumentException">A leak is not in [0, 1].</exception>
    public GradDrop(TaskMap<double>? leak = null, long seed = 0)
        : base(nameof(GradDrop))
    {
        foreach (var (task, value) in leak ?? [])
        {
            if (!(value is >= 0 and <= 1))
            {
                throw new ArgumentException($"Task '{task}': the leak should be in [0, 1]. Found {value}.", nameof(leak));
            }
        }

        this.leak = leak ?? [];
        draws = new(seed);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        using var scope = NewDisposeScope();
        var g = jacobian.Matrix.to(promote_types(jacobian.Matrix.dtype, ScalarType.Float32)); // sums of halves lose small entries
        using var generator = draws.Next(g.device);
        var size = g.abs();
        var (sum, total) = (g.sum(dim: 0), size.sum(dim: 0));
        var positive = ((sum / total).nan_to_num(0) + 1) * 0.5;
        var u = rand([g.shape[1]], g.dtype, g.device, generator: generator);
        var sign = positive.gt(u).to(g.dtype).mul_(2).sub_(1);
        if (leak.Count == 0)
        {
            return OfSign(sum, total).MoveToOuterDisposeScope();
        }

        var leaks = tensor(jacobian.Tasks.Select(t => leak.TryGetValue(t, out var l) ? l : 0).ToArray(), dtype: ScalarType.Float64).to(g.dtype).to(g.device);
        var rest = 1 - leaks;
        return leaks.matmul(g).add_(OfSign(rest.matmul(g), rest.matmul(size))).MoveToOuterDisposeScope();

        // Of numbers whose sum is s and the sum of whose sizes is t, the positive ones have the sum (s + t)/2, the negative ones (s − t)/2.
        Tensor OfSign(Tensor s, Tensor t) => sign.mul(t).mul_(0.5).add_(s, alpha: 0.5);
    }

    /// <inheritdoc/>
    public override void Reset() => draws.Clear();
}
