using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class MOMLTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Hypergradients_are_those_of_the_bilevel_objective()
    {
        using var toy = new BilevelToy();
        double[] logits = [0.3, -0.8, 0.1];
        var slopes = new double[3, 3];
        for (var i = 0; i < 3; i++)
        {
            var upper = BilevelToy.ValidationGradient(i, BilevelToy.After(toy.Point, Weights(logits), 0.4));
            for (var k = 0; k < 3; k++)
            {
                slopes[i, k] = -0.4 * Gramians.Dot(upper, BilevelToy.TrainingGradient(k, toy.Point));
            }
        }

        var found = MOML.ThroughSoftmax(slopes, Weights(logits));
        for (var i = 0; i < 3; i++)
        {
            Same(found[i], BilevelToy.Differences(a => BilevelToy.Validation(i, BilevelToy.After(toy.Point, Weights(a), 0.4)), logits), 1e-8);
        }
    }

    [Fact]
    public void The_step_lowers_all_validation_losses_or_there_is_none()
    {
        var random = new Random(1);
        for (var k = 0; k < 2_000; k++)
        {
            var m = 2 + (k % 5);
            var vectors = Gramians.Normal(random, m, m);
            foreach (var v in vectors)
            {
                var mean = v.Average();
                for (var e = 0; e < m; e++)
                {
                    v[e] -= mean; // as softmax makes them
                }
            }

            var d = MOML.Shortest(vectors);
            var squared = Gramians.Dot(d, d);
            vectors.Min(v => Gramians.Dot(v, d)).Should().BeGreaterThanOrEqualTo(squared - 1e-9, "no conflict, and optimal: {0}", k);
        }
    }

    [Fact]
    public void Opposite_wishes_are_a_standstill_however_they_are_scaled()
    {
        foreach (var scale in new[] { 1, 1e10, 1e-12 })
        {
            MOML.Shortest([[0.3 * scale, -0.3 * scale], [-0.7 * scale, 0.7 * scale]]).Should().Equal(0, 0);
        }

        Same(MOML.Shortest([[0.3, -0.3], [0.7, -0.7]]), [0.3, -0.3], 1e-15);
    }

    [Fact]
    public void Weights_follow_the_shortest_hypergradient()
    {
        using var toy = new BilevelToy();
        using var method = new MOML(BilevelToy.Names, () => toy.Validation(), [toy.Theta], rate: 0.05, stepSize: 0.3);
        var adam = new HandAdam([0, 0, 0], 0.05);
        for (var step = 0; step < 25; step++)
        {
            var at = toy.Point;
            double Objective(int i, double[] a) => BilevelToy.Validation(i, BilevelToy.After(at, Weights(a), 0.3));
            double[][] hypergradients = [.. Enumerable.Range(0, 3).Select(i => BilevelToy.Differences(a => Objective(i, a), adam.Values, 1e-4))];
            var gamma = SupportEnumeration.MinNorm(Gramians.Of(hypergradients));
            adam.Step(Laws.Direction(hypergradients, gamma));

            method.Backward(toy.Training(), [toy.Theta]);
            Same(method.LastWeights!.Values, Weights(adam.Values), 1e-5);
            method.LastWeights.Values.Sum().Should().BeApproximately(1, 1e-14);
            Same(toy.Theta.grad!.Values(), BilevelToy.Sum(method.LastWeights.Values.Select((w, k) => (w, BilevelToy.TrainingGradient(k, at)))), 1e-12);
            toy.Step(0.3);
        }
    }

    [Fact]
    public void With_one_validation_loss_for_all_it_goes_to_the_task_that_lowers_it()
    {
        using var theta = nn.Parameter(tensor(new[] { 1.0, 1.0 }));
        Tensor Good() => theta.square().sum();
        using var method = new MOML(["good", "bad"], () => [("good", Good()), ("bad", Good() * 2)], [theta], rate: 0.05);
        for (var step = 0; step < 60; step++)
        {
            theta.grad = null;
            method.Backward([("good", Good()), ("bad", (theta - 5).square().sum())], [theta]);
        }

        method.LastWeights!["good"].Should().BeGreaterThan(0.9);
    }

    [Fact]
    public void Everything_is_put_back()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(dropout: true, batchNorm: true);
        model.train();
        using var method = new MOML(model, () => model.Losses(model.call(data.Inputs), data.Targets));
        var losses = model.Losses(model.call(data.Inputs), data.Targets);
        var (bits, random) = (Rig.Bits(model), get_rng_state().data<byte>().ToArray());
        LiveTensors.ShouldStayTheSame(() => method.Backward(losses, model.SharedParameters()));
        Rig.Bits(model).Should().Be(bits);
        get_rng_state().data<byte>().ToArray().Should().Equal(random);
    }

    [Fact]
    public void A_task_that_is_absent_keeps_what_was_learned_and_needs_no_validation_loss()
    {
        using var toy = new BilevelToy();
        string[] present = BilevelToy.Names;
        using var method = new MOML(BilevelToy.Names, () => toy.Validation(present), [toy.Theta], rate: 0.05);
        method.Backward(toy.Training(), [toy.Theta]);
        var before = Logit(method, "b");
        present = ["a", "c"];
        method.Backward(toy.Training("a", "c"), [toy.Theta]);
        method.LastWeights!.Values.Sum().Should().BeLessThan(1, "the weights of all tasks sum to 1");
        Logit(method, "b").Should().Equal(before);
        method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<ArgumentException>().WithMessage("*'b'*`validation`*MOML*'a', 'c'*");
        Logit(method, "b").Should().Equal(before);
        method.Reset();
        present = BilevelToy.Names;
        Logit(method, "b").Should().OnlyContain(v => v == 0);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using var toy = new BilevelToy();
        FluentActions.Invoking(() => new MOML(["a"], () => toy.Validation(), [toy.Theta], rate: double.PositiveInfinity)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`rate`*positive*");
        FluentActions.Invoking(() => new MOML(["a"], () => toy.Validation(), [toy.Theta], stepSize: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`stepSize`*positive*0*");
        using var method = new MOML(["a"], () => toy.Validation(), [toy.Theta]);
        method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<ArgumentException>().WithMessage("MOML*'a'*'b', 'c'*");
        method.Invoking(m => m.Backward(toy.Training("a"), [toy.Theta])).Should().Throw<ArgumentException>().WithMessage("MOML*'a'*'b', 'c'*");
    }

    private static double[] Weights(double[] logits) => Softmax.Of(logits);

    private static double[] Logit(nn.Module method, string task) => [.. method.state_dict().Where(p => p.Key.EndsWith($".{task}", StringComparison.Ordinal)).SelectMany(p => p.Value.Values())];

    private static void Same(IEnumerable<double> found, IEnumerable<double> expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
