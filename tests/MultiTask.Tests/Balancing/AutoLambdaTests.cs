using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class AutoLambdaTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData("a")]
    [InlineData("b,c")]
    [InlineData("a,b,c")]
    public void Weights_follow_the_exact_hypergradient(string primary)
    {
        using var toy = new BilevelToy();
        var primaries = primary.Split(',');
        using var method = new AutoLambda(BilevelToy.Names, () => toy.Validation(), [toy.Theta], primary: primaries, rate: 0.01, stepSize: 0.3);
        var adam = new HandAdam([0.1, 0.1, 0.1], 0.01);
        for (var step = 0; step < 25; step++)
        {
            // −α ∇ℓᵢ(θ)·∇L(θ′), in closed form
            var at = toy.Point;
            var after = BilevelToy.After(at, adam.Values, 0.3);
            var upper = BilevelToy.Sum(primaries.Select(p => (1.0, BilevelToy.ValidationGradient(Array.IndexOf(BilevelToy.Names, p), after))));
            adam.Step([.. Enumerable.Range(0, 3).Select(k => -0.3 * Gramians.Dot(upper, BilevelToy.TrainingGradient(k, at)))]);

            method.Backward(toy.Training(), [toy.Theta]);
            Same(method.LastWeights!.Values, adam.Values, 1e-11);
            Same(toy.Theta.grad!.Values(), BilevelToy.Sum(adam.Values.Select((w, k) => (w, BilevelToy.TrainingGradient(k, at)))), 1e-12);
            toy.Step(0.3);
        }
    }

    [Fact]
    public void A_task_that_helps_gains_and_one_that_harms_loses()
    {
        using var theta = nn.Parameter(tensor(new[] { 1.0 }));
        using var method = new AutoLambda(
            ["main", "same", "opposite"],
            () => [("main", theta.square().sum())],
            [theta],
            primary: ["main"],
            rate: 0.01);
        for (var step = 0; step < 30; step++)
        {
            theta.grad = null;
            method.Backward([("main", theta.square().sum()), ("same", theta.square().sum() * 0.5), ("opposite", (theta - 9).square().sum())], [theta]);
        }

        method.LastWeights!["main"].Should().BeGreaterThan(0.2);
        method.LastWeights["same"].Should().BeGreaterThan(0.2);
        method.LastWeights["opposite"].Should().BeLessThan(0);
    }

    [Fact]
    public void Validation_is_asked_once_a_step_after_the_virtual_step()
    {
        using var toy = new BilevelToy();
        var seen = new List<double[]>();
        using var method = new AutoLambda(
            BilevelToy.Names,
            () =>
            {
                seen.Add(toy.Point);
                return toy.Validation();
            },
            [toy.Theta]);
        method.Backward(toy.Training(), [toy.Theta]);
        Same(seen.Should().ContainSingle().Subject, BilevelToy.After(toy.Point, [0.1, 0.1, 0.1], 0.1), 1e-14);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Everything_is_put_back(ScalarType dtype)
    {
        using var data = Rig.Data(dtype: dtype);
        using var model = Rig.Model(dropout: true, batchNorm: true, dtype: dtype);
        model.train();
        using var method = new AutoLambda(model, () => model.Losses(model.call(data.Inputs), data.Targets));
        var losses = model.Losses(model.call(data.Inputs), data.Targets);
        foreach (var p in model.parameters())
        {
            p.grad = full_like(p, 2);
        }

        var (bits, random) = (Rig.Bits(model), get_rng_state().data<byte>().ToArray());
        LiveTensors.ShouldStayTheSame(() => method.Backward(losses, model.SharedParameters()));
        Rig.Bits(model).Should().Be(bits);
        get_rng_state().data<byte>().ToArray().Should().Equal(random);
        model.parameters().Should().AllSatisfy(p => p.grad!.isfinite().all().item<bool>().Should().BeTrue());
    }

    [Fact]
    public void A_validation_loss_that_fails_leaves_all_as_it_was()
    {
        using var toy = new BilevelToy();
        toy.Theta.grad = tensor(new[] { 5.0, 6 });
        Func<TaskMap<Tensor>> validation = () => toy.Validation();
        using var method = new AutoLambda(BilevelToy.Names, () => validation(), [toy.Theta], primary: ["a", "b"]);
        var (bits, state) = (toy.Theta.bytes.ToArray(), Lambda(method));

        Fails<ArgumentException>(() => toy.Validation("b", "c"), "*'a'*`validation`*AutoLambda*'b', 'c'*");
        Fails<NonFiniteException>(() => toy.Validation().Map((task, loss) => task == "b" ? loss * double.NaN : loss), "*'b'*validation loss*NaN*");
        Fails<ArgumentException>(() => toy.Validation().Map((_, loss) => loss.detach()), "*'a'*`validation`*requires a gradient*");
        Fails<ArgumentException>(() => toy.Validation().Map((_, loss) => loss.reshape(1)), "*'a'*`validation`*scalar*[1]*");
        Fails<ArgumentException>(() => [("a", toy.Theta.sum()), ("b", toy.Theta.sum()), ("d", toy.Theta.sum())], "*AutoLambda*'a', 'b', 'c'*'d'*");
        Fails<NonFiniteException>(() => toy.Validation().Map((_, loss) => (loss - loss).sqrt() + 1), "Tasks 'a', 'b'*gradient of the validation loss*");
        Fails<InvalidOperationException>(() => throw new InvalidOperationException("no more data"), "no more data");

        validation = () => toy.Validation("b", "a"); // enough: c is not primary
        method.Backward(toy.Training(), [toy.Theta]);
        Lambda(method).Should().NotEqual(state);

        void Fails<T>(Func<TaskMap<Tensor>> bad, string message)
            where T : Exception
        {
            validation = bad;
            method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<T>().WithMessage(message);
            toy.Theta.bytes.ToArray().Should().Equal(bits);
            toy.Theta.grad!.Values().Should().Equal(5, 6);
            Lambda(method).Should().Equal(state);
        }
    }

    [Fact]
    public void A_task_that_is_absent_keeps_its_weight()
    {
        using var toy = new BilevelToy();
        using var method = new AutoLambda(BilevelToy.Names, () => toy.Validation(), [toy.Theta], rate: 0.01);
        method.Backward(toy.Training(), [toy.Theta]);
        var before = method.LastWeights!;
        method.Backward(toy.Training("c", "a"), [toy.Theta]);
        method.LastWeights!.Tasks.Should().Equal("c", "a");
        method.Backward(toy.Training("b"), [toy.Theta]);
        Math.Abs(method.LastWeights!["b"] - before["b"]).Should().BeInRange(1e-4, 0.0101, "it has made one step since");
        method.Reset();
        method.Backward(toy.Training(), [toy.Theta]);
        Same(method.LastWeights!.Values, before.Values, 0.0201);
    }

    /// <remarks>Restoring the random numbers must not mean that a batch that is drawn at random is the same one for ever.</remarks>
    [Fact]
    public void Random_validation_batches_differ_from_step_to_step_and_are_the_same_in_the_same_run()
    {
        double[] Run(long seed)
        {
            using var toy = new BilevelToy();
            var drawn = new List<double>();
            using var method = new AutoLambda(
                BilevelToy.Names,
                () =>
                {
                    drawn.Add(rand(1, dtype: ScalarType.Float64).item<double>());
                    return toy.Validation();
                },
                [toy.Theta],
                seed: seed);
            for (var step = 0; step < 4; step++)
            {
                method.Backward(toy.Training(), [toy.Theta]);
            }

            return [.. drawn];
        }

        Run(1).Should().OnlyHaveUniqueItems().And.Equal(Run(1));
        Run(2).Should().NotIntersectWith(Run(1));
    }

    [Fact]
    public void Parameters_beside_those_given_keep_their_own_gradient()
    {
        using var net = new SmallNet(2);
        using var method = new AutoLambda(["task0", "task1"], () => net.Losses(), net.Trunk.parameters());
        method.Backward(net.Losses(), net.Shared);
        var heads = SmallNet.Gradients(net.Head(0).Concat(net.Head(1)));
        net.ZeroGradients();
        net.Losses().Values.Aggregate((a, b) => a + b).backward();
        foreach (var (found, expected) in heads.Zip(SmallNet.Gradients(net.Head(0).Concat(net.Head(1)))))
        {
            Same(found!, expected!, 1e-12);
        }
    }

    [Fact]
    public void The_trainer_trains_with_it()
    {
        using var data = Rig.Data(samples: 24);
        using var held = Rig.Data(samples: 8, seed: 2);
        using var model = Rig.Model(dropout: true, batchNorm: true);
        using var method = new AutoLambda(model, () => model.Losses(model.call(held.Inputs), held.Targets), primary: ["a"], rate: 0.01, stepSize: 0.05);
        using var trainer = new Trainer(model, method, Rig.Sgd(0.05));
        var history = trainer.Fit(data.Batches(8), options: new() { Epochs = 15 });
        history.Epochs[^1].Train["a"].Loss.Should().BeLessThan(history.Epochs[0].Train["a"].Loss);
        method.LastWeights!.Values.Should().NotContain(0.1).And.OnlyContain(w => double.IsFinite(w));
    }

    [Fact]
    public void A_transform_around_it_works_at_the_parameters_only()
    {
        using var toy = new BilevelToy();
        using var method = new LogLosses(new AutoLambda(BilevelToy.Names, () => toy.Validation(), [toy.Theta]));
        method.AtParametersOnly.Should().BeTrue();
        method.Backward(toy.Training(), [toy.Theta]);
        toy.Theta.grad!.Values().Should().OnlyContain(v => double.IsFinite(v) && v != 0);
        var z = new Representation(toy.Theta * 1).Cut();
        method.Invoking(m => m.Backward([("a", z.For("a").sum().exp())], z)).Should().Throw<ArgumentException>().WithMessage("*LogLosses*representation*balance at the shared parameters*");
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using var toy = new BilevelToy();
        Func<TaskMap<Tensor>> validation = () => toy.Validation();
        FluentActions.Invoking(() => new AutoLambda(["a"], validation, [toy.Theta], rate: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`rate`*positive*0*");
        FluentActions.Invoking(() => new AutoLambda(["a"], validation, [toy.Theta], stepSize: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`stepSize`*positive*-1*");
        FluentActions.Invoking(() => new AutoLambda(["a"], validation, [toy.Theta], initial: double.NaN)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`initial`*finite*NaN*");
        FluentActions.Invoking(() => new AutoLambda(["a"], validation, [toy.Theta], primary: [])).Should().Throw<ArgumentException>().WithMessage("`primary`*at least one*");
        FluentActions.Invoking(() => new AutoLambda(["a"], validation, [toy.Theta], primary: ["b"])).Should().Throw<ArgumentException>().WithMessage("*'a'*'b'*");
        FluentActions.Invoking(() => new AutoLambda(["a", "a"], validation, [toy.Theta])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        FluentActions.Invoking(() => new AutoLambda(["a"], validation, [])).Should().Throw<ArgumentException>().WithMessage("`parameters`*none*");
        using var method = new AutoLambda(["a"], validation, [toy.Theta]);
        method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<ArgumentException>().WithMessage("AutoLambda*'a'*'b', 'c'*");
        toy.Theta.grad.Should().BeNull();
    }

    private static double[] Lambda(nn.Module method) => [.. method.state_dict().Where(p => p.Key.StartsWith("lambda", StringComparison.Ordinal)).SelectMany(p => p.Value.Values())];

    private static void Same(IEnumerable<double> found, IEnumerable<double> expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
