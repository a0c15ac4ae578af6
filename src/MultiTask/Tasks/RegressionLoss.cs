using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>What a regression's error costs.</summary>
public sealed class RegressionLoss
{
    private readonly string name;
    private readonly Func<Tensor, Tensor, nn.Reduction, Tensor> losses;

    private RegressionLoss(string name, Likelihood likelihood, Func<Tensor, Tensor, nn.Reduction, Tensor> losses)
    {
        this.name = name;
        Likelihood = likelihood;
        this.losses = losses;
    }

    /// <summary><c>(ŷ − y)²</c>, the default.</summary>
    public static RegressionLoss SquaredError { get; } =
        new("squared error", Likelihood.Gaussian, (output, target, reduction) => nn.functional.mse_loss(output, target, reduction));

    /// <summary><c>|ŷ − y|</c>.</summary>
    public static RegressionLoss AbsoluteError { get; } =
        new("absolute error", Likelihood.Laplace, (output, target, reduction) => nn.functional.l1_loss(output, target, reduction));

    /// <summary>The noise on the labels for which this loss is the negative log-likelihood.</summary>
    public Likelihood Likelihood { get; }

    /// <summary><c>½ (ŷ − y)²</c> up to <paramref name="delta"/>, <c>δ (|ŷ − y| − ½ δ)</c> beyond: outliers pull less.</summary>
    /// <param name="delta">Where the square ends, in the targets' unit; greater than 0, 1 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="delta"/> is not positive and finite.</exception>
    public static RegressionLoss Huber(double delta = 1) => delta > 0 && double.IsFinite(delta)
        ? new($"Huber, δ = {delta}", Likelihood.Gaussian, (output, target, reduction) => nn.functional.huber_loss(output, target, delta, reduction))
        : throw new ArgumentOutOfRangeException(nameof(delta), $"`delta` should be positive and finite. Found {delta}.");

    /// <inheritdoc/>
    public override string ToString() => name;

    internal Tensor Of(Tensor output, Tensor target, nn.Reduction reduction) => losses(output, target, reduction);
}
