using FluentAssertions;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Sharing;
using MultiTask.Tests.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Contracts;

/// <summary>What every trunk promises, for every trunk there is.</summary>
public sealed class TrunkContract : IDisposable
{
    private static readonly string[] Names = ["age", "income", "sex"];
    private readonly DisposeScope scope = NewDisposeScope();

    public TrunkContract() => manual_seed(11);

    public static TheoryData<Type> All => Concrete.TheoryOf<Trunk>();

    public static TheoryData<Type, Type> WithEveryBalancer
    {
        get
        {
            var all = new TheoryData<Type, Type>();
            foreach (var trunk in Concrete.TypesOf<Trunk>())
            {
                foreach (var balancer in Concrete.TypesOf<Balancer>())
                {
                    all.Add(trunk, balancer);
                }
            }

            return all;
        }
    }

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(All))]
    public void Is_sealed(Type type) => type.IsSealed.Should().BeTrue();

    [Theory]
    [MemberData(nameof(All))]
    public void Gives_each_task_an_output_of_its_samples(Type type)
    {
        foreach (var count in new[] { 1, 2, 5 })
        {
            using var model = Model(type, Concrete.Names(count));
            foreach (var n in new[] { 1, 4 })
            {
                var outputs = model.call(X(n));
                outputs.Tasks.Should().Equal(Concrete.Names(count));
                outputs.Values.Should().AllSatisfy(o => o.shape.Should().Equal(n, 1));
                outputs.Values.Should().AllSatisfy(o => o.dtype.Should().Be(ScalarType.Float64));
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Its_parameters_are_shared_or_a_tasks_own_each_once_and_none_forgotten(Type type)
    {
        using var trunk = Trunk(type, Names);
        var all = Handles(trunk.parameters());
        var shared = Handles(trunk.SharedParameters());
        var own = Names.Select(task => Handles(trunk.TaskParameters(task))).ToArray();
        all.Should().NotBeEmpty();
        new[] { all, shared }.Concat(own).Should().AllSatisfy(handles => handles.Should().OnlyHaveUniqueItems());
        shared.Concat(own.SelectMany(o => o)).Should().BeEquivalentTo(all, "a parameter is shared or one task's own");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_loss_reaches_the_shared_parameters_and_its_own_and_no_others(Type type)
    {
        using var model = Model(type, Names);
        var shared = Handles(model.SharedParameters());
        foreach (var task in Names)
        {
            ClearGradients(model);
            model.Losses(model.call(X(5)), Targets(5))[task].backward();
            var reached = Handles(model.parameters().Where(p => p.grad is not null));
            var own = Handles(model.TaskParameters(task));
            own.Except(reached).Should().BeEmpty("{0} trains its own", task);
            reached.Except(own).Except(shared).Should().BeEmpty("{0} leaves the others alone", task);
        }

        ClearGradients(model);
        model.Losses(model.call(X(5)), Targets(5)).Values.Aggregate((a, b) => a + b).backward();
        model.parameters().Where(p => p.grad is null).Should().BeEmpty("all tasks together train all");
        shared.Intersect(Names.SelectMany(task => Handles(model.TaskParameters(task)))).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_task_can_be_asked_for_alone(Type type)
    {
        using var model = Model(type, Names);
        model.eval();
        var all = model.call(X(4));
        foreach (var task in Names)
        {
            model.Outputs(X(4), [task]).Should().ContainSingle().Which.Value.Values().Should().Equal(all[task].Values());
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Evaluation_is_deterministic_and_sample_by_sample(Type type)
    {
        using var model = Model(type, Names);
        model.eval();
        var x = X(4);
        var all = model.call(x);
        foreach (var task in Names)
        {
            model.call(x)[task].Values().Should().Equal(all[task].Values());
            for (var i = 0; i < 4; i++)
            {
                model.call(x[i..(i + 1)])[task].Values().Should().Equal([all[task][i, 0].item<double>()], (a, b) => Math.Abs(a - b) < 1e-12);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void State_keys_read_like_paths(Type type)
    {
        using var model = Model(type, Names);
        model.state_dict().Keys.Should().OnlyHaveUniqueItems().And.AllSatisfy(key =>
            key.Should().MatchRegex("^(trunk|heads)(\\.[a-z0-9_]+)+$"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void State_comes_back_from_a_file(Type type)
    {
        using var directory = new TemporaryDirectory();
        var path = Path.Combine(directory.Path, "model.dat");
        using var model = Model(type, Names);
        using var other = Model(type, Names);
        model.eval();
        other.eval();
        model.save(path);
        other.load(path);
        foreach (var (task, output) in other.call(X(3)))
        {
            output.Values().Should().Equal(model.call(X(3))[task].Values());
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Goes_to_another_dtype_and_device_as_a_whole(Type type)
    {
        using var model = Model(type, Names);
        model.to(ScalarType.Float32);
        model.call(X(3).to(ScalarType.Float32)).Values.Should().AllSatisfy(o => o.dtype.Should().Be(ScalarType.Float32));
        model.SharedParameters().Concat(Names.SelectMany(model.TaskParameters)).Should().AllSatisfy(p => p.dtype.Should().Be(ScalarType.Float32));
        model.Penalty()?.dtype.Should().Be(ScalarType.Float32);
        model.to(META);
        model.state_dict().Values.Should().OnlyContain(t => t.device_type == DeviceType.META);
        model.call(zeros([3, 2], ScalarType.Float32, META)).Values.Should().OnlyContain(o => o.device_type == DeviceType.META);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Several_threads_may_run_it(Type type)
    {
        using var model = Model(type, Names);
        Numbers.Spread(model);
        model.eval();
        var x = X(3);
        double[] Answer(string task)
        {
            using var scope = NewDisposeScope();
            using var off = no_grad();
            return model.Outputs(x, [task])[task].Values();
        }

        var expected = Names.ToDictionary(task => task, Answer);
        Parallel.For(0, 60, i => Answer(Names[i % Names.Length]).Should().Equal(expected[Names[i % Names.Length]]));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Leaves_no_tensor_behind(Type type)
    {
        using var model = Model(type, Names);
        var (x, targets) = (X(4), Targets(4));
        for (var step = 0; step < 3; step++)
        {
            LiveTensors.ShouldStayTheSame(() =>
            {
                using var inner = NewDisposeScope();
                var losses = model.Losses(model.call(x), targets);
                model.Penalty()?.backward(retain_graph: true);
                losses.Values.Aggregate((a, b) => a + b).backward();
            });
        }

        x.IsInvalid.Should().BeFalse();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Outlives_the_scope_it_was_made_in(Type type)
    {
        MultiTaskModel model;
        using (NewDisposeScope())
        {
            model = Model(type, Names);
        }

        using (model)
        {
            model.call(X(2)).Count.Should().Be(3);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_penalty_is_a_scalar_that_is_not_negative_and_reaches_only_the_trunk(Type type)
    {
        using var model = Model(type, Names);
        if (model.Penalty() is not { } penalty)
        {
            return;
        }

        penalty.dim().Should().Be(0);
        penalty.item<double>().Should().BeGreaterThanOrEqualTo(0);
        penalty.backward();
        Handles(model.parameters().Where(p => p.grad is not null)).Except(Handles(model.Trunk.parameters())).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Task_names_may_be_those_of_members(Type type)
    {
        string[] names = ["training", "Tasks", "weight", "name", "towers", "encoder", "Item", "modules"];
        using var model = Model(type, names);
        model.to(ScalarType.Float32);
        model.to(CPU);
        model.train();
        model.eval();
        model.to(CPU, ScalarType.Float64);
        model.call(X(2)).Tasks.Should().Equal(names);
        names.Should().AllSatisfy(name => model.TaskParameters(name).Should().NotBeEmpty());
        names.Should().AllSatisfy(name => model.state_dict().Keys.Should().Contain($"heads.{name}.weight"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Refuses_tasks_it_was_not_built_for(Type type)
    {
        using var trunk = Trunk(type, Names);
        if (trunk.Tasks is { } tasks)
        {
            tasks.Should().Equal(Names);
            FluentActions.Invoking(() => new MultiTaskModel(trunk, [LearningTask.Regression("age", Linear(4, 1)), LearningTask.Regression("other", Linear(4, 1))]))
                .Should().Throw<ArgumentException>().WithMessage($"{type.Name}*'age', 'income', 'sex'*'other'*");
        }
    }

    [Theory]
    [MemberData(nameof(WithEveryBalancer))]
    public void Trains_with_every_balancer(Type trunk, Type balancing)
    {
        using var model = Model(trunk, Names);
        const double step = 1e-3; // for balancers that try steps themselves, too: one of 0.1 diverges where weights are made by a network
        using var balancer = Concrete.Balancer(balancing, Names, () => model.Losses(model.call(X(6)), Targets(6)), model.parameters(), step);
        using var optimizer = optim.SGD(model.parameters().Concat(balancer.parameters()).ToList(), step);
        var shared = model.SharedParameters().ToArray();
        foreach (var lacking in new[] { "none", "income" })
        {
            var before = model.parameters().Select(p => p.Values()).ToArray();
            var targets = Targets(6).Filter((task, _) => task != lacking);
            optimizer.zero_grad();
            var losses = model.Losses(model.Outputs(X(6), targets.Tasks), targets);
            model.Penalty()?.backward(retain_graph: true);
            balancer.Backward(losses, shared);
            optimizer.step();
            var after = model.parameters().Select(p => p.Values()).ToArray();
            after.SelectMany(v => v).Should().OnlyContain(v => double.IsFinite(v));
            // Tchebycheff trains the worst of the three tasks only.
            before.Zip(after).Count(p => !p.First.SequenceEqual(p.Second)).Should().BeGreaterThanOrEqualTo(before.Length / 3);
        }
    }

    internal static Encoder Tower()
    {
        var tower = Sequential(Linear(2, 4), Tanh(), Linear(4, 4), Tanh());
        tower.to(ScalarType.Float64);
        return tower;
    }

    private static Trunk Trunk(Type type, IReadOnlyList<string> tasks)
    {
        var trunk = Concrete.Trunk(type, tasks, Tower);
        trunk.to(ScalarType.Float64);
        return trunk;
    }

    private static MultiTaskModel Model(Type type, IReadOnlyList<string> tasks)
    {
        var model = new MultiTaskModel(Trunk(type, tasks), tasks.Select(task => LearningTask.Regression(task, Linear(Concrete.Width(type), 1))));
        model.to(ScalarType.Float64);
        return model;
    }

    private static Tensor X(int n) => (arange(2 * n, ScalarType.Float64) * 0.7).sin().reshape(n, 2);

    /// <summary>Positive losses: the targets are out of the outputs' reach.</summary>
    private static TaskMap<Tensor> Targets(int n) => TaskMap.Create(Names.Select((task, i) => (task, full([n, 1], 9.0 + i, ScalarType.Float64))));

    private static IntPtr[] Handles(IEnumerable<Parameter> parameters) => [.. parameters.Select(p => p.Handle)];

    private static void ClearGradients(nn.Module module)
    {
        foreach (var p in module.parameters())
        {
            p.grad = null;
        }
    }
}
