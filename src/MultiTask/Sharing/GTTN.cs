using MultiTask.Diagnostics;
using MultiTask.Numerics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// The generalised tensor trace norm: a convex combination of the trace norms of all flattenings, with learned
/// coefficients: γ Σₛ aₛ ‖𝒲₍ₛ₎‖_*, a = softmax(θ).
/// </summary>
/// <remarks>
/// <para>
/// Zhang, Zhang and Wang, <i>Multi-Task Learning via Generalized Tensor Trace Norm</i> (KDD 2021; arXiv 2002.04799). A
/// parameter of p − 1 dimensions has 2^(p−1) − 1 flattenings: three for a matrix, fifteen for a convolution. Each layer has
/// coefficients of its own, equal at first, where the authors' code draws them; theirs also leaves out the flattenings of
/// more than one dimension and the norms' gradient, which we do not.
/// </para>
/// <para>
/// θ is reached by no loss, only by the penalty: it is among <see cref="Trunk.MixingParameters"/>, neither shared nor a task's
/// own. Minimised together with the rest, the coefficients drift to the flattening of the least norm.
/// </para>
/// </remarks>
public sealed class GTTN : ProximalPenalty
{
    private readonly double strength;
    private readonly Dictionary<string, (string Key, string[] Flattenings)> byLayer = new(StringComparer.Ordinal);
    private ParameterDict? coefficients;

    /// <summary>A generalised tensor trace norm.</summary>
    /// <param name="strength">γ ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="strength"/> is negative or not finite.</exception>
    public GTTN(double strength)
        : base(nameof(GTTN)) => this.strength = Arguments.NonNegative(strength, nameof(strength));

    /// <summary>The coefficient of each flattening of a layer; they sum to 1.</summary>
    /// <param name="layer">The layer's name, such as <c>0.weight</c>.</param>
    /// <returns>
    /// By flattening, such as <c>tasks,0|1</c>: tasks and dimension 0 of the parameter as rows, its dimension 1 as columns.
    /// </returns>
    /// <exception cref="KeyNotFoundException">The trunk charges for no such layer.</exception>
    public IReadOnlyDictionary<string, double> Coefficients(string layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var values = HostValues.Of(Combination(layer));
        return byLayer[layer].Flattenings.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second);
    }

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var stacked = layer.Stacked();
        var norms = TraceNorms.Of(stacked, Flattening.All(stacked.shape.Length));
        return ((Combination(layer.Name).to(norms.dtype) * norms).sum() * strength).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The penalty belongs to a trunk already.</exception>
    protected internal override void Begin(IReadOnlyList<SharedLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        if (coefficients is not null)
        {
            throw new InvalidOperationException("A generalised tensor trace norm should belong to one trunk. This one belongs to another already.");
        }

        coefficients = new();
        foreach (var layer in layers)
        {
            var own = layer.Parameters.Values[0];
            var flattenings = Flattening.All(own.shape.Length + 1);
            byLayer.Add(layer.Name, (Key(layer.Name), [.. flattenings.Select(f => f.Name)]));
            coefficients.Add(byLayer[layer.Name].Key, nn.Parameter(zeros([flattenings.Length], own.dtype, own.device).DetachFromDisposeScope()));
        }

        register_module(nameof(coefficients), coefficients);
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var stacked = layer.Stacked();
        return TraceNorms.Nearest(
            stacked,
            Flattening.All(stacked.shape.Length),
            Array.ConvertAll(HostValues.Of(Combination(layer.Name)), a => step * strength * a));
    }

    private Tensor Combination(string layer) => byLayer.TryGetValue(layer, out var own)
        ? nn.functional.softmax(coefficients![own.Key], dim: 0)
        : throw new KeyNotFoundException($"The trunk should charge for the layer '{layer}'. Found {(byLayer.Count == 0 ? "none" : string.Join(", ", byLayer.Keys.Select(k => $"'{k}'")))}.");

    /// <summary>A name that can be a part of a state key.</summary>
    private string Key(string layer)
    {
        var key = layer.Replace('.', '_');
        while (coefficients!.ContainsKey(key))
        {
            key += "_";
        }

        return key;
    }
}
