using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class SoftSharingTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public SoftSharingTests() => manual_seed(3);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Towers_start_with_equal_buffers_too()
    {
        using var trunk = new SoftSharing(["a", "b"], () => new RandomFeatures(), new L2Distance(1));
        var x = randn(3, 2);
        trunk.call(x).For("a").Values().Should().Equal(trunk.call(x).For("b").Values());
        trunk.Layers().Select(layer => layer.Name).Should().Equal("map.weight", "map.bias");
    }

    [Fact]
    public void The_penalty_of_frozen_towers_asks_for_no_backward_pass()
    {
        using var model = new MultiTaskModel(new SoftSharing(["a", "b"], () => Linear(2, 2), new L2Distance(1)), [LearningTask.Regression("a", Linear(2, 1)), LearningTask.Regression("b", Linear(2, 1))]);
        model.Penalty().Should().NotBeNull();
        foreach (var parameter in model.Trunk.parameters())
        {
            parameter.requires_grad = false;
        }

        model.Penalty().Should().BeNull();
        model.Trunk.Penalty()!.item<float>().Should().Be(0);
    }

    [Fact]
    public void Towers_start_alike_and_then_cost_nothing()
    {
        using var trunk = new SoftSharing(Names, TrunkContract.Tower, new L2Distance(2));
        var towers = Names.Select(t => trunk.TaskParameters(t).SelectMany(p => p.Values()).ToArray()).ToArray();
        towers[1].Should().Equal(towers[0]);
        towers[2].Should().Equal(towers[0]);
        towers[0].Should().Contain(v => v != 0);
        trunk.Penalty()!.item<double>().Should().Be(0);
    }

    [Fact]
    public void The_penalty_is_the_sum_over_layers_of_weight_times_distance()
    {
        using var trunk = new SoftSharing(Names, TrunkContract.Tower, new L2Distance(0.5), layer => layer switch
        {
            "0.weight" => 1,
            "0.bias" => 0,
            "2.weight" => 10,
            _ => 0.1,
        });
        Spread(trunk);
        double Distance(string layer)
        {
            var own = Names.Select(t => trunk.named_parameters().Single(p => p.name == $"towers.{t}.{layer}").parameter).ToArray();
            return own.SelectMany((p, i) => own.Take(i).Select(q => (p - q).square().sum().item<double>())).Sum();
        }

        var expected = 0.25 * (Distance("0.weight") + (10 * Distance("2.weight")) + (0.1 * Distance("2.bias")));
        trunk.Penalty()!.item<double>().Should().BeApproximately(expected, 1e-12 * expected);
        trunk.Penalty()!.backward();
        trunk.named_parameters().Where(p => p.parameter.grad is null).Select(p => p.name)
            .Should().Equal(Names.Select(t => $"towers.{t}.0.bias"), "a weight of 0 leaves the layer to its task");
    }

    [Fact]
    public void The_gradient_of_the_penalty_pulls_each_tower_to_the_mean()
    {
        const double Lambda = 0.7;
        using var trunk = new SoftSharing(Names, () => Linear(1, 1, hasBias: false, dtype: ScalarType.Float64), new L2Distance(Lambda));
        var w = trunk.parameters().ToArray();
        using (no_grad())
        {
            foreach (var (p, value) in w.Zip([1.0, 2, 6]))
            {
                p.fill_(value);
            }
        }

        trunk.Penalty()!.backward();
        w.Select(p => p.grad!.item<double>()).Should().Equal(
            [Lambda * 3 * (1 - 3), Lambda * 3 * (2 - 3), Lambda * 3 * (6 - 3)], (x, y) => Math.Abs(x - y) < 1e-13);
    }

    [Fact]
    public void Without_strength_it_trains_as_single_task_networks_from_equal_starts()
    {
        using var soft = Model(new SoftSharing(Names, TrunkContract.Tower, new L2Distance(0)));
        using var single = Model(new SingleTask(Names, TrunkContract.Tower));
        Copy(soft, single);
        Train(soft);
        Train(single);
        single.parameters().SelectMany(p => p.Values()).Should().Equal(soft.parameters().SelectMany(p => p.Values()), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void With_much_strength_the_towers_stay_together()
    {
        double Apart(double strength)
        {
            manual_seed(3);
            using var model = Model(new SoftSharing(Names, TrunkContract.Tower, new L2Distance(strength)));
            Train(model);
            var towers = Names.Select(t => model.Trunk.TaskParameters(t).SelectMany(p => p.Values()).ToArray()).ToArray();
            return towers[0].Zip(towers[1], (x, y) => Math.Abs(x - y)).Max();
        }

        var (free, loose, tight) = (Apart(0), Apart(1), Apart(10));
        free.Should().BeGreaterThan(1.5 * loose);
        loose.Should().BeGreaterThan(1.5 * tight);
    }

    [Fact]
    public void A_frozen_trunk_and_no_layer_to_charge_for_have_no_penalty()
    {
        using var trunk = new SoftSharing(Names, TrunkContract.Tower, new L2Distance(1), _ => 0);
        trunk.Penalty().Should().BeNull();
    }

    [Fact]
    public void State_keys_name_the_task()
    {
        using var trunk = new SoftSharing(["age"], TrunkContract.Tower, new L2Distance(1));
        trunk.state_dict().Keys.Should().Equal("towers.age.0.weight", "towers.age.0.bias", "towers.age.2.weight", "towers.age.2.bias");
    }

    [Fact]
    public void Refuses_towers_that_do_not_correspond()
    {
        Making(Linear(3, 2), Linear(3, 4)).Should().Throw<ArgumentException>().WithMessage("*same shapes*'weight'*[2, 3]*[4, 3]*");
        Making(Linear(3, 2), Linear(3, 2, hasBias: false)).Should().Throw<ArgumentException>().WithMessage("*same parameters*'bias'*1 of 2*");
        Making(Linear(3, 2, hasBias: false), Linear(3, 2)).Should().Throw<ArgumentException>().WithMessage("*same parameters*'bias'*1 of 2*");
        Making(Sequential(Linear(3, 2)), Linear(3, 2)).Should().Throw<ArgumentException>().WithMessage("*same parameters*");
        static Func<SoftSharing> Making(Module<Tensor, Tensor> first, Module<Tensor, Tensor> second)
        {
            var towers = new Queue<Module<Tensor, Tensor>>([first, second]);
            return () => new(["a", "b"], () => towers.Dequeue(), new L2Distance(1));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_layer_weights_that_are_none(double weight) =>
        FluentActions.Invoking(() => new SoftSharing(Names, TrunkContract.Tower, new L2Distance(1), name => name == "2.bias" ? weight : 1))
            .Should().Throw<ArgumentException>().WithMessage($"*'2.bias'*non-negative*{weight}*");

    [Fact]
    public void A_schedule_warms_the_penalty_up_and_is_part_of_the_state()
    {
        using var trunk = Scheduled();
        Spread(trunk);
        using var plain = new SoftSharing(Names, TrunkContract.Tower, new L2Distance(0.5));
        Copy(trunk, plain);
        var full = plain.Penalty()!.item<double>();
        trunk.Penalty()!.item<double>().Should().Be(0);
        trunk.EndStep(0.1);
        trunk.EndStep(0.1);
        trunk.EndEpoch();
        trunk.Penalty()!.item<double>().Should().BeApproximately(12 * full, 1e-9 * full);
        using var other = Scheduled();
        other.load_state_dict(trunk.state_dict());
        other.Penalty()!.item<double>().Should().Be(trunk.Penalty()!.item<double>());
        trunk.state_dict().Keys.Should().Contain("clock.steps").And.Contain("clock.epochs");
        static SoftSharing Scheduled() => new(Names, TrunkContract.Tower, new L2Distance(0.5), schedule: clock => clock.Steps + (10 * clock.Epochs));
    }

    [Fact]
    public void Proximal_steps_and_gradient_steps_differ_by_the_square_of_the_rate()
    {
        double Difference(double rate)
        {
            using var one = new SoftSharing(Names, () => Linear(2, 1, dtype: ScalarType.Float64), new L2Distance(1), name => name == "bias" ? 0 : 2, proximal: true);
            using var two = new SoftSharing(Names, () => Linear(2, 1, dtype: ScalarType.Float64), new L2Distance(1), name => name == "bias" ? 0 : 2);
            Spread(one);
            Copy(one, two);
            one.Penalty().Should().BeNull();
            one.EndStep(rate);
            two.Penalty()!.backward();
            using var optimizer = optim.SGD(two.parameters().ToList(), rate);
            optimizer.step();
            two.EndStep(rate);
            return one.parameters().Zip(two.parameters(), (p, q) => (p - q).abs().max().item<double>()).Max();
        }

        manual_seed(4);
        var far = Difference(1e-3);
        manual_seed(4);
        (far / Difference(1e-4)).Should().BeInRange(50, 150);
        far.Should().BeGreaterThan(0);
    }

    [Fact]
    public void A_parameter_that_is_frozen_in_one_tower_stays_as_it_is()
    {
        using var trunk = new SoftSharing(Names, () => Linear(2, 1, dtype: ScalarType.Float64), new L2Distance(1), proximal: true);
        Spread(trunk);
        trunk.TaskParameters("b").First().requires_grad_(false);
        var before = trunk.state_dict().ToDictionary(p => p.Key, p => p.Value.Values());
        trunk.EndStep(0.5);
        trunk.state_dict().Where(p => p.Value.Values().SequenceEqual(before[p.Key])).Select(p => p.Key)
            .Should().Equal(Names.Select(t => $"towers.{t}.weight"));
    }

    [Fact]
    public void The_trainer_moves_the_clocks_and_makes_the_steps()
    {
        using var data = Rig.Data();
        manual_seed(1);
        var penalty = new LearnedCovariance(1e4, everySteps: 4);
        var seen = new List<SharingClock>();
        using var model = new MultiTaskModel(
            new SoftSharing(Rig.Tasks, () => Rig.Encoder(), penalty, name => name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0, Seen, proximal: true),
            Rig.LearningTasks()).to(ScalarType.Float64);
        var start = model.Trunk.TaskParameters("a").First().norm().item<double>();
        using var trainer = new Trainer(model, new EqualWeights(), p => optim.SGD(p, 0.1));
        trainer.Fit(data.Batches(6, shuffle: false), options: new() { Epochs = 3 });
        seen.Last().Should().Be(new SharingClock(5, 2), "two steps an epoch");
        penalty.Correlations["a"]["b"].Should().NotBe(0);
        model.Trunk.TaskParameters("a").First().norm().item<double>().Should().BeLessThan(0.5 * start);
        double Seen(SharingClock clock)
        {
            seen.Add(clock);
            return 1;
        }
    }

    [Fact]
    public void With_few_samples_the_excess_risk_is_less_than_that_of_tasks_alone()
    {
        Func<SharingPenalty>[] penalties =
        [
            () => new L2Distance(2),
            () => new MeanRegularization(6, 0.1),
            () => new GraphLaplacian(2, [("a", "b", 1), ("b", "c", 1), ("c", "d", 1), ("d", "a", 1)]),
            () => new LearnedCovariance(1),
            () => new TraceNorm(4),
        ];
        double Risk(Func<SharingPenalty> penalty) => Enumerable.Range(1, 3).Average(seed =>
        {
            var tasks = new LinearTasks(4, samples: 5, seed, apart: 0.2, noise: 1);
            return tasks.Risk(tasks.Train(penalty(), steps: 120, rate: 0.03, proximal: true, epoch: 20));
        });
        var single = Risk(() => new L2Distance(0));
        penalties.Should().AllSatisfy(penalty => Risk(penalty).Should().BeLessThan(0.6 * single, penalty().GetName()));
    }

    [Fact]
    public void Convolutions_share_too()
    {
        using var trunk = new SoftSharing(
            Names, () => Sequential(Conv2d(2, 3, 3, padding: 1), ReLU(), AdaptiveAvgPool2d(1), Flatten()), new TraceNorm(0.1, TensorFlattening.Tucker));
        trunk.call(randn(4, 2, 5, 5)).For("b").shape.Should().Equal(4, 3);
        var penalty = trunk.Penalty()!;
        penalty.backward();
        trunk.parameters().Should().AllSatisfy(p => p.grad!.isfinite().all().item<bool>().Should().BeTrue());
    }

    [Fact]
    public void Refuses_schedules_and_steps_that_are_none()
    {
        Making(_ => -1).Should().Throw<ArgumentException>().WithMessage("*`schedule`*non-negative*-1*");
        Making(_ => double.NaN).Should().Throw<ArgumentException>().WithMessage("*`schedule`*NaN*");
        using var trunk = Making(clock => 1 - clock.Steps)();
        trunk.EndStep(0.1);
        trunk.EndStep(0.1);
        trunk.Invoking(t => t.Penalty()).Should().Throw<ArgumentException>().WithMessage("*`schedule`*-1*");
        trunk.Invoking(t => t.EndStep(-1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`learningRate`*-1*");
        FluentActions.Invoking(() => new SoftSharing(Names, TrunkContract.Tower, new Smooth(), proximal: true))
            .Should().Throw<ArgumentException>().WithMessage("*ProximalPenalty*Smooth*");
        static Func<SoftSharing> Making(Func<SharingClock, double> schedule) => () => new(Names, TrunkContract.Tower, new L2Distance(1), schedule: schedule);
    }

    private static MultiTaskModel Model(Trunk trunk)
    {
        var model = new MultiTaskModel(trunk, Names.Select(t => LearningTask.Regression(t, Linear(4, 1))));
        model.to(ScalarType.Float64);
        return model;
    }

    private static void Copy(nn.Module from, nn.Module to)
    {
        using var off = no_grad();
        foreach (var (target, source) in to.parameters().Zip(from.parameters()))
        {
            target.copy_(source);
        }
    }

    private static void Spread(nn.Module module)
    {
        using var off = no_grad();
        foreach (var p in module.parameters())
        {
            p.copy_(randn_like(p));
        }
    }

    private static void Train(MultiTaskModel model)
    {
        using var optimizer = optim.SGD(model.parameters().ToList(), 0.02);
        using var balancer = new EqualWeights();
        var x = (arange(16, ScalarType.Float64) * 0.9).sin().reshape(8, 2);
        var targets = TaskMap.Create(Names.Select((t, i) => (t, (x.sum(dim: 1) * (i + 1)).cos())));
        for (var step = 0; step < 50; step++)
        {
            optimizer.zero_grad();
            balancer.Backward(model.Losses(model.call(x), targets), model.SharedParameters());
            model.Penalty()?.backward();
            optimizer.step();
        }
    }

    private sealed class Smooth() : SharingPenalty(nameof(Smooth))
    {
        public override Tensor Of(SharedLayer layer) => layer.Stacked().square().sum();
    }

    private sealed class RandomFeatures : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> map = Linear(4, 4);

        public RandomFeatures()
            : base(nameof(RandomFeatures))
        {
            register_buffer("frequencies", randn(2, 4).DetachFromDisposeScope());
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => map.call(input.matmul(get_buffer("frequencies")!).cos());
    }
}
