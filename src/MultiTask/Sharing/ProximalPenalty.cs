using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A penalty that can also be applied as a step of its own, after the optimizer's.</summary>
/// <remarks>
/// Where a norm has kinks, gradient steps hover about them; a proximal step lands on them, and then entries, rows or
/// singular values are exactly zero. It is stable at any strength, too. Parikh and Boyd, <i>Proximal Algorithms</i> (2014).
/// </remarks>
public abstract class ProximalPenalty : SharingPenalty
{
    /// <summary>A penalty.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected ProximalPenalty(string name)
        : base(name)
    {
    }

    /// <summary>The proximal step, in place: W becomes argmin over Z of ½‖Z − W‖² + step · penalty(Z).</summary>
    /// <param name="layer">The layer; its weight is not looked at.</param>
    /// <param name="step">The optimizer's learning rate × whatever the penalty is multiplied by, ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="step"/> is negative or not finite.</exception>
    public void Prox(SharedLayer layer, double step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Arguments.NonNegative(step, nameof(step));
        using var scope = NewDisposeScope();
        using var off = no_grad();
        foreach (var (parameter, moved) in layer.Parameters.Values.Zip(Nearest(layer, step).unbind(0)))
        {
            parameter.copy_(moved);
        }
    }

    /// <summary>argmin over Z of ½‖Z − W‖² + step · penalty(Z). Runs without gradients, inside a dispose scope.</summary>
    /// <param name="layer">The layer W.</param>
    /// <param name="step">≥ 0.</param>
    /// <returns>Z, <c>[T, …]</c>.</returns>
    protected abstract Tensor Nearest(SharedLayer layer, double step);
}
