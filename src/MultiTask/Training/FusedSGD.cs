using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>TorchSharp's SGD, whose step is one native call for all parameters: for models of many small ones.</summary>
/// <remarks>
/// It is an <see cref="SGD"/>: parameter groups, schedules, <c>state_dict</c> and checkpoints are the same, and a run may go on with
/// the other; results agree to rounding, but for <c>maximize</c> with a weight decay, with which TorchSharp 0.107 makes weights
/// grow (here they shrink, as in PyTorch). A parameter without a gradient stays as it is. Parameters are contiguous and
/// gradients dense, or the step throws <see cref="NotSupportedException"/>.
/// </remarks>
public sealed class FusedSGD : SGD
{
    /// <summary>An optimizer with one parameter group.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="lr">The learning rate.</param>
    /// <param name="momentum">The momentum; 0 by default.</param>
    /// <param name="dampening">The part of a gradient that momentum leaves out; 0 by default.</param>
    /// <param name="weight_decay">The weight decay; 0 by default.</param>
    /// <param name="nesterov">Whether momentum is Nesterov's.</param>
    /// <param name="maximize">Whether to ascend.</param>
    public FusedSGD(IEnumerable<Parameter> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
        : base([.. parameters], lr, momentum, dampening, weight_decay, nesterov, maximize)
    {
    }

    /// <summary>An optimizer with several parameter groups.</summary>
    /// <param name="parameters">The groups; the other arguments are what they do not say.</param>
    /// <param name="lr">The learning rate.</param>
    /// <param name="momentum">The momentum; 0 by default.</param>
    /// <param name="dampening">The part of a gradient that momentum leaves out; 0 by default.</param>
    /// <param name="weight_decay">The weight decay; 0 by default.</param>
    /// <param name="nesterov">Whether momentum is Nesterov's.</param>
    /// <param name="maximize">Whether to ascend.</param>
    public FusedSGD(IEnumerable<ParamGroup> parameters, double lr, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false, bool maximize = false)
        : base(parameters, lr, momentum, dampening, weight_decay, nesterov, maximize)
    {
    }

    /// <inheritdoc/>
    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

    private void Step(ParamGroup group)
    {
        var o = (Options)group.Options;
        var rates = new SGDRates(group.LearningRate, o.momentum!.Value, o.dampening!.Value, o.weight_decay!.Value, o.nesterov!.Value, o.maximize!.Value);
        FusedKernels.SGD(group.Parameters, (parameter, gradient) => rates.Momentum == 0 ? null : MomentumOf(parameter, gradient), rates);
    }

    private (Tensor Buffer, bool IsFirst) MomentumOf(Parameter parameter, Tensor gradient)
    {
        var state = (State)_state[parameter.Handle];
        var isFirst = state.momentum_buffer is null;
        state.momentum_buffer ??= empty_like(gradient).DetachFromDisposeScope();
        return (state.momentum_buffer, isFirst);
    }
}
