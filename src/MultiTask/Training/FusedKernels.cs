using MultiTask.Diagnostics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Steps of torch's fused optimizers: one native call for all tensors. TorchSharp does not have them by itself.</summary>
/// <remarks>
/// A script that does not compile ends the process, so this one is a constant that tests run. A compiled script is never
/// freed, hence one for all.
/// </remarks>
internal static class FusedKernels
{
    private const string Script = """
        def adam(params: List[Tensor], grads: List[Tensor], means: List[Tensor], squares: List[Tensor], greatest: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, weight_decay: float, eps: float, amsgrad: bool, maximize: bool):
            torch._fused_adam_(params, grads, means, squares, greatest, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=amsgrad, maximize=maximize)

        def adamw(params: List[Tensor], grads: List[Tensor], means: List[Tensor], squares: List[Tensor], greatest: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, weight_decay: float, eps: float, amsgrad: bool, maximize: bool):
            torch._fused_adamw_(params, grads, means, squares, greatest, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=amsgrad, maximize=maximize)

        def sgd(params: List[Tensor], grads: List[Tensor], momenta: List[Tensor], weight_decay: float, momentum: float, lr: float, dampening: float, nesterov: bool, maximize: bool, is_first_step: bool):
            torch._fused_sgd_(params, grads, momenta, weight_decay=weight_decay, momentum=momentum, lr=lr, dampening=dampening, nesterov=nesterov, maximize=maximize, is_first_step=is_first_step)

        """;

    private static readonly Lazy<jit.CompilationUnit> Compiled = new(() => jit.compile(Script));

    /// <summary>A step of Adam or AdamW.</summary>
    /// <param name="rule"><c>adam</c> or <c>adamw</c>.</param>
    /// <param name="parameters">A group's parameters; those without a gradient stay as they are.</param>
    /// <param name="advance">Counts a step of a parameter, and gives its moments.</param>
    /// <param name="rates">The group's.</param>
    public static void Adam(string rule, IEnumerable<Parameter> parameters, Func<Parameter, Moments> advance, AdamRates rates)
    {
        using var scope = NewDisposeScope();
        var slots = WithGradients(parameters).Select(p => (p.Parameter, p.Gradient, Moments: advance(p.Parameter)));
        foreach (var alike in slots.GroupBy(s => (s.Moments.Step, Kind(s.Parameter))))
        {
            var count = tensor((float)alike.Key.Step, device: alike.First().Parameter.device);
            Compiled.Value.invoke(
                rule,
                alike.Select(s => (Tensor)s.Parameter).ToArray(),
                alike.Select(s => s.Gradient).ToArray(),
                alike.Select(s => s.Moments.Mean).ToArray(),
                alike.Select(s => s.Moments.Square).ToArray(),
                rates.AmsGrad ? alike.Select(s => s.Moments.Greatest!).ToArray() : Array.Empty<Tensor>(),
                alike.Select(_ => count).ToArray(),
                rates.LearningRate,
                rates.Beta1,
                rates.Beta2,
                rates.WeightDecay,
                rates.Epsilon,
                rates.AmsGrad,
                rates.Maximize);
        }
    }

    /// <summary>A step of stochastic gradient descent.</summary>
    /// <param name="parameters">A group's parameters; those without a gradient stay as they are.</param>
    /// <param name="momentum">A parameter's momentum, and whether this is its first step; <c>null</c> without momentum.</param>
    /// <param name="rates">The group's.</param>
    public static void SGD(IEnumerable<Parameter> parameters, Func<Parameter, Tensor, (Tensor Buffer, bool IsFirst)?> momentum, SGDRates rates)
    {
        using var scope = NewDisposeScope();
        var slots = WithGradients(parameters).Select(p => (p.Parameter, p.Gradient, Momentum: momentum(p.Parameter, p.Gradient)));
        foreach (var alike in slots.GroupBy(s => (s.Momentum?.IsFirst, Kind(s.Parameter))))
        {
            Compiled.Value.invoke(
                "sgd",
                alike.Select(s => (Tensor)s.Parameter).ToArray(),
                alike.Select(s => s.Gradient).ToArray(),
                alike.Where(s => s.Momentum is not null).Select(s => s.Momentum!.Value.Buffer).ToArray(),
                rates.WeightDecay,
                rates.Momentum,
                rates.LearningRate,
                rates.Dampening,
                rates.Nesterov,
                rates.Maximize,
                alike.Key.IsFirst ?? false);
        }
    }

    /// <summary>All that are to be stepped, before any of them counts its step: a step that is refused is none.</summary>
    private static List<(Parameter Parameter, Tensor Gradient)> WithGradients(IEnumerable<Parameter> parameters)
    {
        var slots = new List<(Parameter, Tensor)>();
        foreach (var parameter in parameters)
        {
            if (parameter.grad is not { } gradient)
            {
                continue;
            }

            if (gradient.is_sparse || !parameter.is_contiguous())
            {
                throw new NotSupportedException(
                    $"Fused optimizers step contiguous parameters with dense gradients. Found {(gradient.is_sparse ? "a sparse gradient" : "another layout")} of a parameter of shape {Shape.Of(parameter)}.");
            }

            slots.Add((parameter, gradient.is_contiguous() ? gradient : gradient.contiguous()));
        }

        return slots;
    }

    private static (ScalarType, DeviceType, int) Kind(Parameter parameter) => (parameter.dtype, parameter.device_type, parameter.device_index);
}

/// <summary>What Adam remembers of a parameter.</summary>
internal readonly record struct Moments(long Step, Tensor Mean, Tensor Square, Tensor? Greatest);

/// <summary>The numbers of a parameter group of Adam or AdamW.</summary>
internal readonly record struct AdamRates(double LearningRate, double Beta1, double Beta2, double WeightDecay, double Epsilon, bool AmsGrad, bool Maximize);

/// <summary>The numbers of a parameter group of SGD.</summary>
internal readonly record struct SGDRates(double LearningRate, double Momentum, double Dampening, double WeightDecay, bool Nesterov, bool Maximize);
