using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// A task's part of a batch normalisation: (γ ⊙ γₜ)(z − μₜ)/√(σₜ² + ε) + β + βₜ, where γ, β and ε are the layer's, and the
/// statistics are those of the task's batch in training, and its own running ones in evaluation. It starts as the layer.
/// </summary>
/// <remarks>
/// A batch with one value for each channel has no variance. In training it is normalised as in evaluation, and moves nothing.
/// </remarks>
internal sealed class PartitionedNorm : nn.Module, ICounted
{
    private const string Mean = "running_mean", Variance = "running_var", Batches = "num_batches_tracked";
    private readonly Parameter? weight;
    private readonly Parameter? bias;

    public PartitionedNorm(BatchNorm layer)
        : base(nameof(PartitionedNorm))
    {
        weight = layer.affine ? nn.Parameter(ones_like(layer.weight).detach().DetachFromDisposeScope()) : null;
        bias = layer.affine ? nn.Parameter(zeros_like(layer.bias!).detach().DetachFromDisposeScope()) : null;
        RegisterComponents();
        if (layer.track_running_stats)
        {
            Remember(Mean, layer.running_mean!);
            Remember(Variance, layer.running_var!);
            Remember(Batches, layer.num_batches_tracked!);
        }
    }

    public Tensor Of(BatchNorm layer, Tensor input)
    {
        var (mean, variance) = (get_buffer(Mean), get_buffer(Variance));
        var (scale, shift) = weight is null ? (null, null) : (layer.weight * weight, layer.bias! + bias!);
        if (mean is null || (training && input.numel() > input.size(1)))
        {
            return nn.functional.batch_norm(input, mean, variance, scale, shift, training: true, mean is null ? 0 : Momentum(layer), layer.eps);
        }

        // Copies, because another batch of the same step may move the statistics before this one's backward pass.
        return nn.functional.batch_norm(input, training ? mean.clone() : mean, training ? variance!.clone() : variance, scale, shift, training: false, 0, layer.eps);
    }

    /// <summary>The weight of the batch in the running statistics; without a momentum, they are means over all batches.</summary>
    private double Momentum(BatchNorm layer)
    {
        var batches = get_buffer(Batches)!.add_(1);
        return layer.momentum ?? 1 / batches.to(ScalarType.Float64).item<double>();
    }

    private void Remember(string name, Tensor values) => register_buffer(name, values.detach().clone().DetachFromDisposeScope());
}
