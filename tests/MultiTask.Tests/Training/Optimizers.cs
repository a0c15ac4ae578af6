using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>Every optimizer that can be saved, with two parameter groups whose options differ and nothing at its default.</summary>
internal static class Optimizers
{
    /// <summary>Builds an optimizer from two groups and a factor on learning rates.</summary>
    public delegate optim.Optimizer Factory(IEnumerable<Parameter> first, IEnumerable<Parameter> second, double rate = 1);

    public static IReadOnlyDictionary<string, Factory> All { get; } = new Dictionary<string, Factory>
    {
        ["SGD"] = (a, b, r) => new SGD((SGD.ParamGroup[])[new(a, 0.1 * r), new(b, 0.05 * r, weight_decay: 0.01)], 0.2),
        ["SGD with momentum"] = (a, b, r) => new SGD((SGD.ParamGroup[])[new(a, 0.1 * r, 0.9, weight_decay: 0.01), new(b, 0.05 * r, 0.8, dampening: 0.1)], 0.2),
        ["SGD with Nesterov momentum"] = (a, b, r) => new SGD((SGD.ParamGroup[])[new(a, 0.1 * r, 0.9, nesterov: true), new(b, 0.05 * r)], 0.2),
        ["Adam"] = (a, b, r) => new Adam((Adam.ParamGroup[])[new(a, 0.02 * r, 0.8, 0.95), new(b, 0.01 * r, weight_decay: 0.1)], 0.2),
        ["Adam with AMSGrad"] = (a, b, r) => new Adam((Adam.ParamGroup[])[new(a, 0.02 * r, amsgrad: true), new(b, 0.01 * r)], 0.2),
        ["AdamW"] = (a, b, r) => new AdamW((AdamW.ParamGroup[])[new(a, 0.02 * r, 0.8, 0.95), new(b, 0.01 * r, weight_decay: 0.1)], 0.2),
        ["AdamW with AMSGrad"] = (a, b, r) => new AdamW((AdamW.ParamGroup[])[new(a, 0.02 * r, amsgrad: true), new(b, 0.01 * r)], 0.2),
        ["RMSProp"] = (a, b, r) => new RMSProp((RMSProp.ParamGroup[])[new(a, 0.02 * r, alpha: 0.9), new(b, 0.01 * r, weight_decay: 0.1)], 0.2),
        ["RMSProp with momentum, centred"] = (a, b, r) => new RMSProp((RMSProp.ParamGroup[])[new(a, 0.02 * r, momentum: 0.9, centered: true), new(b, 0.01 * r)], 0.2),
        ["Adagrad"] = (a, b, r) => new Adagrad((Adagrad.ParamGroup[])[new(a, 0.1 * r, lr_decay: 0.1), new(b, 0.05 * r, initial_accumulator_value: 0.1)], 0.2),
        ["NAdam"] = (a, b, r) => new NAdam((NAdam.ParamGroup[])[new(a, 0.02 * r, 0.8), new(b, 0.01 * r, weight_decay: 0.1)], 0.2),
        ["RAdam"] = (a, b, r) => new RAdam((RAdam.ParamGroup[])[new(a, 0.5 * r, 0.8, 0.9), new(b, 0.1 * r, weight_decay: 0.1)], 0.2),
        ["Adadelta"] = (a, b, r) => new Adadelta((Adadelta.ParamGroup[])[new(a, 1.0 * r, rho: 0.8), new(b, 0.5 * r, weight_decay: 0.1)], 0.2),
        ["Adamax"] = (a, b, r) => new Adamax((Adamax.ParamGroup[])[new(a, 0.02 * r, 0.8), new(b, 0.01 * r, weight_decay: 0.1)], 0.2),
        ["ASGD"] = (a, b, r) => new ASGD((ASGD.ParamGroup[])[new(a, 0.1 * r, lambd: 0.01, t0: 2), new(b, 0.05 * r, alpha: 0.5)], 0.2),
        ["Rprop"] = (a, b, r) => new Rprop((Rprop.ParamGroup[])[new(a, 0.02 * r), new(b, 0.01 * r, etaplus: 1.1)], 0.2),
        ["one of the user's own"] = (a, b, r) => new SignMomentum(a, b, 0.02 * r),
    };
}
