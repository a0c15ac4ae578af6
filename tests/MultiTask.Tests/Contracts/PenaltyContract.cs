using System.Reflection;
using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Contracts;

/// <summary>What every penalty of soft sharing promises, for every penalty there is, with each value of its enums.</summary>
public sealed class PenaltyContract : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public PenaltyContract() => manual_seed(5);

    public static TheoryData<Type, int> All
    {
        get
        {
            var all = new TheoryData<Type, int>();
            foreach (var type in Concrete.TypesOf<SharingPenalty>())
            {
                for (var variant = 0; variant < Variants(type); variant++)
                {
                    all.Add(type, variant);
                }
            }

            return all;
        }
    }

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(All))]
    public void Is_a_scalar_that_is_not_negative_for_any_shape_and_number_of_tasks(Type type, int variant)
    {
        foreach (var tasks in new[] { 1, 2, 5 })
        {
            foreach (var shape in new long[][] { [], [1], [5], [3, 4], [2, 3, 2], [2, 3, 2, 2] })
            {
                var layer = Layers.Draw(tasks, shape);
                using var penalty = Make(type, variant, layer);
                var value = penalty.Of(layer);
                value.dim().Should().Be(0);
                value.dtype.Should().Be(ScalarType.Float64);
                value.item<double>().Should().BeGreaterThanOrEqualTo(0).And.BeLessThan(1000);
                penalty.Gradient(layer).Values().Should().OnlyContain(v => double.IsFinite(v));
                if (penalty is ProximalPenalty proximal)
                {
                    proximal.Moved(layer, 0.1).Stacked().shape.Should().Equal([tasks, .. shape]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Its_gradient_is_that_of_finite_differences(Type type, int variant)
    {
        foreach (var shape in new long[][] { [4], [2, 3], [2, 2, 2] })
        {
            var layer = Layers.Draw(3, shape, seed: 7);
            using var penalty = Make(type, variant, layer);
            var gradient = penalty.Gradient(layer);
            using var generator = new Generator(2);
            for (var i = 0; i < 5; i++)
            {
                var way = randn(layer.Stacked().shape, ScalarType.Float64, generator: generator);
                const double H = 1e-6;
                var slope = (penalty.Value(layer.With(layer.Stacked() + (H * way))) - penalty.Value(layer.With(layer.Stacked() - (H * way)))) / (2 * H);
                slope.Should().BeApproximately((gradient * way).sum().item<double>(), 1e-7);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Its_gradient_is_a_subgradient_where_there_are_kinks(Type type, int variant)
    {
        foreach (var layer in Layers.Kinks())
        {
            using var penalty = Make(type, variant, layer);
            var value = penalty.Value(layer);
            var gradient = penalty.Gradient(layer);
            gradient.Values().Should().OnlyContain(v => double.IsFinite(v));
            foreach (var other in Others(layer, apart: 1e-3).Concat(Others(layer, apart: 3)))
            {
                penalty.Value(other).Should().BeGreaterThanOrEqualTo(value + (gradient * (other.Stacked() - layer.Stacked())).sum().item<double>() - 1e-9);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_proximal_step_is_the_best_there_is(Type type, int variant)
    {
        foreach (var layer in Layers.Kinks().Append(Layers.Draw(3, [2, 3])).Append(Layers.Draw(2, [2, 2, 2])))
        {
            using var penalty = Make(type, variant, layer);
            if (penalty is not ProximalPenalty proximal)
            {
                return;
            }

            foreach (var step in new[] { 0, 0.01, 0.5, 50 })
            {
                var moved = proximal.Moved(layer, step);
                double Objective(SharedLayer at) => (Square(at.Stacked() - layer.Stacked()) / 2) + (step * penalty.Value(at));
                var best = Objective(moved);
                foreach (var other in Others(moved, apart: 1e-2).Concat(Others(layer, apart: 1)).Append(layer).Append(layer.With(zeros_like(layer.Stacked()))))
                {
                    // Strongly convex: every other point is worse by at least half its squared distance.
                    (Objective(other) - best - (Square(other.Stacked() - moved.Stacked()) / 2)).Should().BeGreaterThan(-1e-5);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_order_of_tasks_does_not_matter(Type type, int variant)
    {
        var layer = Layers.Draw(4, [2, 3]);
        var turned = layer with { Parameters = TaskMap.Create(layer.Parameters.Reverse()) };
        using var penalty = Make(type, variant, layer);
        using var other = Make(type, variant, turned);
        other.Value(turned).Should().BeApproximately(penalty.Value(layer), 1e-12);
        if (penalty is ProximalPenalty proximal)
        {
            var moved = ((ProximalPenalty)other).Moved(turned, 0.3);
            foreach (var (task, parameter) in proximal.Moved(layer, 0.3).Parameters)
            {
                moved.Parameters[task].Values().Should().Equal(parameter.Values(), (x, y) => Math.Abs(x - y) < 1e-5);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Stays_finite_at_any_scale_and_in_float32(Type type, int variant)
    {
        foreach (var (scale, dtype) in new[] { (1e-12, ScalarType.Float32), (1, ScalarType.Float32), (1e6, ScalarType.Float32), (1e-100, ScalarType.Float64), (1e100, ScalarType.Float64) })
        {
            var layer = Layers.Of([.. Layers.Draw(3, [2, 3]).Parameters.Values.Select(p => (p * scale).to(dtype))]);
            using var penalty = Make(type, variant, layer);
            var value = penalty.Of(layer);
            value.dtype.Should().Be(dtype);
            value.ToDouble().Should().BeGreaterThanOrEqualTo(0).And.BeLessThan(double.PositiveInfinity);
            penalty.Gradient(layer).to(ScalarType.Float64).Values().Should().OnlyContain(v => double.IsFinite(v));
            if (penalty is ProximalPenalty proximal)
            {
                var moved = proximal.Moved(layer, 0.1);
                moved.Parameters.Values.Should().OnlyContain(p => p.dtype == dtype);
                moved.Stacked().to(ScalarType.Float64).Values().Should().OnlyContain(v => double.IsFinite(v));
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Lets_what_is_not_finite_through(Type type, int variant)
    {
        var layer = Layers.Of([1, double.NaN], [2, 3]);
        using var penalty = Make(type, variant, layer);
        double.IsFinite(penalty.Value(layer)).Should().BeFalse("the trainer looks for it");
        if (penalty is ProximalPenalty proximal)
        {
            double.IsFinite(proximal.Moved(layer, 0.1).Stacked().sum().item<double>()).Should().BeFalse();
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Trains_in_a_trunk_by_gradient_and_by_step_and_comes_back_from_its_state(Type type, int variant)
    {
        foreach (var proximal in new[] { false, true })
        {
            using var model = Model(type, variant, proximal);
            using var balancer = new EqualWeights();
            using var optimizer = optim.SGD(model.parameters().ToList(), 0.05);
            var before = model.Trunk.parameters().SelectMany(p => p.Values()).ToArray();
            for (var step = 0; step < 4; step++)
            {
                LiveTensors.ShouldStayTheSame(() => Step(model, balancer, optimizer));
                model.Trunk.EndEpoch();
            }

            model.Trunk.parameters().SelectMany(p => p.Values()).Should().OnlyContain(v => double.IsFinite(v)).And.NotEqual(before);
            model.state_dict().Keys.Should().OnlyHaveUniqueItems().And.AllSatisfy(key => key.Should().MatchRegex("^(trunk|heads)(\\.[a-z0-9_]+)+$"));

            using var other = Model(type, variant, proximal);
            other.load_state_dict(model.state_dict());
            Step(model, balancer, optimizer);
            using var again = optim.SGD(other.parameters().ToList(), 0.05);
            Step(other, balancer, again);
            other.state_dict().SelectMany(p => p.Value.to(ScalarType.Float64).Values()).Should().Equal(model.state_dict().SelectMany(p => p.Value.to(ScalarType.Float64).Values()));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Goes_to_another_dtype_with_its_trunk(Type type, int variant)
    {
        using var model = Model(type, variant, proximal: false);
        model.to(ScalarType.Float32);
        model.Penalty()!.dtype.Should().Be(ScalarType.Float32);
        model.Penalty()!.backward();
        model.Trunk.EndStep(0.1);
        model.Trunk.EndEpoch();
        model.Penalty()!.isfinite().item<bool>().Should().BeTrue();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Refuses_strengths_that_are_none(Type type, int variant)
    {
        foreach (var parameter in Constructor(type).GetParameters().Where(p => p.ParameterType == typeof(double)))
        {
            foreach (var bad in new[] { -1, double.NaN, double.PositiveInfinity })
            {
                FluentActions.Invoking(() => Make(type, variant, null, (parameter.Name!, bad)))
                    .Should().Throw<TargetInvocationException>().WithInnerException<ArgumentOutOfRangeException>().WithMessage($"`{parameter.Name}`*Found {bad}*");
            }
        }
    }

    private static double Square(Tensor x) => x.square().sum().item<double>();

    private static IEnumerable<SharedLayer> Others(SharedLayer layer, double apart)
    {
        using var generator = new Generator(3);
        for (var i = 0; i < 8; i++)
        {
            yield return layer.With(layer.Stacked() + (apart * randn(layer.Stacked().shape, ScalarType.Float64, generator: generator)));
        }
    }

    private static MultiTaskModel Model(Type type, int variant, bool proximal)
    {
        string[] names = ["a", "b", "c"];
        manual_seed(5);
        var trunk = new SoftSharing(names, TrunkContract.Tower, Make(type, variant, Layers.Draw(3, [1]), begin: false), schedule: clock => 1 + (0.1 * clock.Steps), proximal: proximal);
        var model = new MultiTaskModel(trunk, names.Select(t => LearningTask.Regression(t, Linear(4, 1))));
        model.to(ScalarType.Float64);
        return model;
    }

    private static void Step(MultiTaskModel model, Balancer balancer, optim.Optimizer optimizer)
    {
        using var scope = NewDisposeScope();
        var x = (arange(16, ScalarType.Float64) * 0.9).sin().reshape(8, 2);
        var targets = TaskMap.Create(model.Tasks.Tasks.Select((t, i) => (t, (x.sum(dim: 1) * (i + 1)).cos())));
        optimizer.zero_grad();
        balancer.Backward(model.Losses(model.call(x), targets), model.SharedParameters());
        model.Penalty()?.backward();
        optimizer.step();
        model.Trunk.EndStep(0.05);
    }

    private static int Variants(Type type) => Constructor(type).GetParameters().Where(p => p.ParameterType.IsEnum).Aggregate(1, (n, p) => n * Enum.GetValues(p.ParameterType).Length);

    private static ConstructorInfo Constructor(Type type) => type.GetConstructors().Single();

    private static SharingPenalty Make(Type type, int variant, SharedLayer? layer, (string Name, double Value)? bad = null, bool begin = true)
    {
        var strength = 0.3;
        var penalty = (SharingPenalty)Constructor(type).Invoke([.. Constructor(type).GetParameters().Select(p =>
            p.Name == bad?.Name ? bad!.Value.Value
            : p.ParameterType.IsEnum ? Enum.GetValues(p.ParameterType).GetValue(variant)
            : p.HasDefaultValue ? p.DefaultValue
            : p.ParameterType == typeof(double) ? strength += 0.2
            : p.ParameterType == typeof(IEnumerable<(string One, string Other, double Weight)>) ? Edges(layer)
            : throw new InvalidOperationException($"What is a {p.ParameterType}?"))]);
        if (layer is not null && begin)
        {
            penalty.Begin([layer]);
        }

        return penalty;
    }

    private static (string, string, double)[] Edges(SharedLayer? layer)
    {
        var tasks = layer?.Parameters.Tasks ?? ["a", "b"];
        return tasks.Count == 1 ? [] : [.. tasks.Skip(1).Select((t, i) => (tasks[i], t, (i % 2) + 1.0))];
    }
}
