using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>TorchSharp's AdamW, whose step is one native call for all parameters: for models of many small ones.</summary>
/// <remarks>
/// Loshchilov and Hutter, <i>Decoupled Weight Decay Regularization</i> (ICLR 2019). It is an <see cref="AdamW"/>: parameter groups, schedules, <c>state_dict</c> and checkpoints are the same, and a
/// run may go on with the other; results agree to rounding. A parameter without a gradient stays as it is. Parameters are
/// contiguous and gradients dense, or the step throws <see cref="NotSupportedException"/>.
/// </remarks>
public sealed class FusedAdamW : AdamW
{
    /// <summary>An optimizer with one parameter group.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="lr">The learning rate; 1e-3 by default.</param>
    /// <param name="beta1">The decay of the mean; 0.9 by default.</param>
    /// <param name="beta2">The decay of the mean square; 0.999 by default.</param>
    /// <param name="eps">Added to the root mean square; 1e-8 by default.</param>
    /// <param name="weight_decay">The weight decay; 0 by default.</param>
    /// <param name="amsgrad">Whether to divide by the greatest mean square so far.</param>
    /// <param name="maximize">Whether to ascend.</param>
    public FusedAdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
        : base([.. parameters], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)
    {
    }

    /// <summary>An optimizer with several parameter groups.</summary>
    /// <param name="parameters">The groups; the other arguments are what they do not say.</param>
    /// <param name="lr">The learning rate; 1e-3 by default.</param>
    /// <param name="beta1">The decay of the mean; 0.9 by default.</param>
    /// <param name="beta2">The decay of the mean square; 0.999 by default.</param>
    /// <param name="eps">Added to the root mean square; 1e-8 by default.</param>
    /// <param name="weight_decay">The weight decay; 0 by default.</param>
    /// <param name="amsgrad">Whether to divide by the greatest mean square so far.</param>
    /// <param name="maximize">Whether to ascend.</param>
    public FusedAdamW(IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
        : base(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)
    {
    }

    /// <inheritdoc/>
    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

    private void Step(ParamGroup group)
    {
        var o = (Options)group.Options;
        FusedKernels.Adam("adamw", group.Parameters, Advance, new(
            group.LearningRate, o.beta1!.Value, o.beta2!.Value, o.weight_decay!.Value, o.eps!.Value, o.amsgrad!.Value, o.maximize!.Value));
    }

    private Moments Advance(Parameter parameter)
    {
        var state = (State)_state[parameter.Handle];
        return new(++state.step, state.exp_avg, state.exp_avg_sq, state.max_exp_avg_sq);
    }
}
