using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

public sealed class ParameterGroupsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_split_loses_nothing_and_keeps_the_order()
    {
        using var model = Rig.Model();
        using var balancer = new UncertaintyWeighting(model.Tasks.Values);
        Parameter[] all = [.. model.parameters(), .. balancer.parameters()];

        var (trunk, others) = all.Split(model.Trunk);

        Handles(trunk).Should().Equal(Handles(model.Trunk.parameters()));
        Handles(others).Should().Equal(Handles(all).Except(Handles(model.Trunk.parameters())));
        Handles(others).Should().Contain(Handles(balancer.parameters()), "what a balancer learns is not forgotten");
        var (head, rest) = others.Split(model.Tasks["a"].Head);
        Handles(head.Concat(rest)).Should().BeEquivalentTo(Handles(others));
        var (none, same) = rest.Split(model.Trunk.MixingParameters());
        none.Should().BeEmpty("hard sharing has none");
        same.Should().Equal(rest);
    }

    [Fact]
    public void Refuses_a_module_that_is_elsewhere()
    {
        using var model = Rig.Model();
        using var other = Rig.Model();
        model.parameters().ToList().Invoking(p => p.Split(other.Trunk)).Should().Throw<ArgumentException>().WithMessage("*some of the parameters*HardSharing*4 are elsewhere*");
        model.parameters().Split(Tanh()).Inside.Should().BeEmpty("it has none");
    }

    /// <summary>Each layer moves by its own rate: with SGD, the first step is the rate times the gradient.</summary>
    [Fact]
    public void Layers_learn_at_rates_of_their_own()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        var layers = model.Trunk.children().Single().children().Reverse().ToArray(); // out, tanh, in
        using var trainer = new Trainer(model, new EqualWeights(), p => optim.SGD(Decayed(p), 0.1));
        var before = model.parameters().Select(p => p.Values()).ToArray();
        trainer.Fit(data.Batches(12), options: new() { Steps = 1 });

        double[] rates = [0.1 / 2.6 / 2.6, 0.1 / 2.6 / 2.6, 0.1 / 2.6, 0.1 / 2.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
        foreach (var (parameter, old, rate) in model.parameters().Zip(before, rates))
        {
            parameter.Values().Should().Equal(old.Zip(parameter.grad!.Values(), (v, g) => v - (rate * g)), (a, b) => Math.Abs(a - b) < 1e-12);
        }

        IEnumerable<SGD.ParamGroup> Decayed(IReadOnlyList<Parameter> parameters)
        {
            var rate = 0.1;
            var groups = new List<SGD.ParamGroup>();
            foreach (var layer in layers.Where(l => l.parameters().Any()))
            {
                (var inside, parameters) = parameters.Split(layer);
                groups.Add(new(inside, rate /= 2.6));
            }

            return [new(parameters, 0.1), .. groups];
        }
    }

    [Fact]
    public void Mixing_parameters_are_a_group_of_their_own()
    {
        using var data = Rig.Data();
        LearningTask[] tasks = [LearningTask.Regression("a", Linear(6, 1)), LearningTask.Regression("b", Linear(6, 1)), LearningTask.Classification("c", Linear(6, 3))];
        using var model = new MultiTaskModel(new CrossStitch(tasks, () => [Linear(4, 6), Linear(6, 6)]), tasks);
        model.to(ScalarType.Float64);
        using var balancer = new PCGrad();
        using var trainer = new Trainer(model, balancer, p =>
        {
            var (mixing, others) = p.Split(model.Trunk.MixingParameters());
            return optim.SGD(new SGD.ParamGroup[] { new(others, 0), new(mixing, 0.1) }, 0.1);
        });
        var before = model.named_parameters().ToDictionary(p => p.name, p => p.parameter.Values());
        trainer.Fit(data.Batches(12), options: new() { Steps = 2 });
        var moved = model.named_parameters().Where(p => !p.parameter.Values().SequenceEqual(before[p.name])).Select(p => p.parameter.Handle);
        moved.Should().BeEquivalentTo(Handles(model.Trunk.MixingParameters())).And.NotBeEmpty();
    }

    /// <summary>A proximal step has the length of the towers' learning rate, whichever group they are in.</summary>
    [Fact]
    public void A_trunk_hears_of_its_own_learning_rate()
    {
        using var data = Rig.Data();
        var trunk = new Listening();
        using var model = new MultiTaskModel(trunk, Rig.LearningTasks());
        model.to(ScalarType.Float64);
        using var trainer = new Trainer(model, new EqualWeights(), p =>
        {
            var (inside, others) = p.Split(model.Trunk);
            return optim.SGD(new SGD.ParamGroup[] { new(others, 0.5), new(inside, 0.125) }, 0.1);
        });
        trainer.Fit(data.Batches(12), options: new() { Epochs = 2, Schedule = o => optim.lr_scheduler.StepLR(o, 1, 0.5) });
        trunk.Rates.Should().Equal(0.125, 0.0625);
    }

    private static IntPtr[] Handles(IEnumerable<Parameter> parameters) => [.. parameters.Select(p => p.Handle)];

    private sealed class Listening : Trunk
    {
        private readonly Linear layer = Linear(4, 6);

        public Listening()
            : base(nameof(Listening)) => RegisterComponents();

        public List<double> Rates { get; } = [];

        public override IEnumerable<Parameter> SharedParameters() => layer.parameters();

        public override Representation forward(Inputs input) => new(layer.call(input.Single));

        public override void EndStep(double learningRate) => Rates.Add(learningRate);
    }
}
