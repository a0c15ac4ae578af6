using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>An optimizer as a user writes one: momentum that begins with the first step, in private fields; steps by its sign.</summary>
internal sealed class SignMomentum : OptimizerHelper
{
    public SignMomentum(IEnumerable<Parameter> first, IEnumerable<Parameter> second, double rate)
    {
        _parameter_groups = [];
        add_param_group(new() { Parameters = first, Options = new Settings { LearningRate = rate, InitialLearningRate = rate } });
        add_param_group(new() { Parameters = second, Options = new Settings { LearningRate = rate / 2, InitialLearningRate = rate / 2, Decay = 0.5 } });
    }

    public override Tensor? step(Func<Tensor>? closure = null) => _step<ParamGroup>(
        group =>
        {
            foreach (var parameter in group.Parameters)
            {
                if (parameter.grad is { } gradient)
                {
                    ((Memory)_state[parameter.Handle]).Step(parameter, gradient, (Settings)group.Options);
                }
            }
        },
        closure);

    public override void add_param_group(ParamGroup param_group)
    {
        base.add_param_group(param_group);
        foreach (var parameter in param_group.Parameters)
        {
            _state[parameter.Handle] = new Memory(parameter);
        }
    }

    private sealed class Settings : OptimizerOptions
    {
        public double Decay { get; set; } = 0.9;
    }

    private sealed class Memory(Parameter parameter) : OptimizerState(parameter)
    {
        private Tensor? momentum;
        private int steps;

        public void Step(Parameter parameter, Tensor gradient, Settings settings)
        {
            momentum = momentum is null ? gradient.clone().DetachFromDisposeScope() : momentum.mul_(settings.Decay).add_(gradient);
            parameter.add_(momentum.sign(), alpha: -settings.LearningRate!.Value / (1 + (0.1 * steps++)));
        }

        public override void Initialize(OptimizerOptions options) => throw new NotSupportedException();

        public override void LoadStateDict(BinaryReader reader) => throw new NotSupportedException();

        public override void LoadStateDict(OptimizerState source) => throw new NotSupportedException();

        public override void SaveStateDict(BinaryWriter writer) => throw new NotSupportedException();
    }
}
