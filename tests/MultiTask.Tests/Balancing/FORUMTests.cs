using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class FORUMTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(1, 0.1)]
    [InlineData(5, 0.1)]
    [InlineData(5, 2)]
    public void Steps_are_those_of_algorithm_1(int innerSteps, double rho)
    {
        using var toy = new BilevelToy();
        using var method = Method(toy, innerSteps, rho, rate: 0.05);
        var adam = new HandAdam([0, 0, 0], 0.05);
        var average = new double[3];
        for (var step = 0; step < 12; step++)
        {
            // By hand: ω̃ (4), ∇q, Fᵢ, λ (11), λ̃, ν (9), d (8).
            var at = toy.Point;
            var alpha = Softmax.Of(adam.Values);
            var inner = at;
            for (var t = 0; t < innerSteps; t++)
            {
                inner = BilevelToy.After(inner, alpha, 0.2);
            }

            double Constraint(double[] a) => Lower(Softmax.Of(a), at) - Lower(Softmax.Of(a), inner);
            var byWeights = BilevelToy.Differences(Constraint, adam.Values);
            var byTheta = BilevelToy.Sum(alpha.Select((w, k) => (w, BilevelToy.TrainingGradient(k, at))));
            double[][] upper = [.. Enumerable.Range(0, 3).Select(i => BilevelToy.ValidationGradient(i, at))];
            double[] products = [.. upper.Select(f => Gramians.Dot(f, byTheta))];
            var squared = Gramians.Dot(byTheta, byTheta) + Gramians.Dot(byWeights, byWeights);
            var lambda = BarrierMinNorm.Solve(Gramians.Of(upper), products, squared, rho).Weights;
            var beta = Math.Pow(step + 1, -0.75);
            average = [.. average.Zip(lambda, (old, now) => ((1 - beta) * old) + (beta * now))];
            var nu = Math.Max(0, average.Select((w, i) => w * (rho - (products[i] / squared))).Sum());

            method.Backward(toy.Training(), [toy.Theta]);
            Same(method.LastWeights!.Values, alpha, 1e-7);
            Same(toy.Theta.grad!.Values(), BilevelToy.Sum(average.Select((w, i) => (w, upper[i])).Append((nu, byTheta))), 1e-6);
            adam.Step(Array.ConvertAll(byWeights, s => nu * s));
            toy.Step(0.2);
        }
    }

    [Fact]
    public void With_many_inner_steps_the_constraint_has_the_slopes_of_the_value_function()
    {
        using var toy = new BilevelToy();
        using var method = Method(toy, innerSteps: 400, rho: 0.5, rate: 1e-3);
        var at = toy.Point;
        double[] thirds = [1.0 / 3, 1.0 / 3, 1.0 / 3];

        // q(a) = f(a, ω) − min f(a, ·), with the minimum in closed form, also as a function of a
        double Constraint(double[] a) => Lower(Softmax.Of(a), at) - Lower(Softmax.Of(a), BilevelToy.Minimum(Softmax.Of(a)));
        var byWeights = BilevelToy.Differences(Constraint, [0, 0, 0]);
        var byTheta = BilevelToy.Sum(thirds.Select((w, k) => (w, BilevelToy.TrainingGradient(k, at))));
        double[][] upper = [.. Enumerable.Range(0, 3).Select(i => BilevelToy.ValidationGradient(i, at))];
        double[] products = [.. upper.Select(f => Gramians.Dot(f, byTheta))];
        var squared = Gramians.Dot(byTheta, byTheta) + Gramians.Dot(byWeights, byWeights);
        var lambda = BarrierMinNorm.Solve(Gramians.Of(upper), products, squared, 0.5).Weights;
        var nu = BarrierMinNorm.Multiplier(lambda, products, squared, 0.5);

        method.Backward(toy.Training(), [toy.Theta]);
        Same(toy.Theta.grad!.Values(), BilevelToy.Sum(lambda.Select((w, i) => (w, upper[i])).Append((nu, byTheta))), 1e-7);
    }

    [Fact]
    public void Training_ends_where_the_training_loss_is_at_its_minimum()
    {
        using var toy = new BilevelToy();
        using var method = Method(toy, innerSteps: 2, rho: 0.5, rate: 0.01);
        for (var step = 0; step < 400; step++)
        {
            using var inner = NewDisposeScope();
            method.Backward(toy.Training(), [toy.Theta]);
            toy.Step(0.1);
        }

        var alpha = method.LastWeights!.Values.ToArray();
        var slope = BilevelToy.Sum(alpha.Select((w, k) => (w, BilevelToy.TrainingGradient(k, toy.Point))));
        Math.Sqrt(Gramians.Dot(slope, slope)).Should().BeLessThan(0.03, "it began at 1.8");
        alpha.Should().OnlyContain(w => w > 0).And.NotContain(1.0 / 3);
    }

    [Fact]
    public void The_training_batch_is_computed_anew_T_times_and_validation_once_where_the_parameters_are()
    {
        using var toy = new BilevelToy();
        var (training, validation) = (new List<double[]>(), new List<double[]>());
        using var method = new FORUM(
            BilevelToy.Names,
            Seen(validation, () => toy.Validation()),
            [toy.Theta],
            Seen(training, () => toy.Training()),
            innerSteps: 3,
            stepSize: 0.2);
        method.Backward(toy.Training(), [toy.Theta]);
        Same(validation.Should().ContainSingle().Subject, toy.Point, 0);
        var expected = toy.Point;
        double[] thirds = [1.0 / 3, 1.0 / 3, 1.0 / 3];
        training.Should().HaveCount(3);
        foreach (var found in training)
        {
            expected = BilevelToy.After(expected, thirds, 0.2);
            Same(found, expected, 1e-14);
        }

        Func<TaskMap<Tensor>> Seen(List<double[]> at, Func<TaskMap<Tensor>> losses) => () =>
        {
            at.Add(toy.Point);
            return losses();
        };
    }

    [Fact]
    public void Everything_is_put_back()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(dropout: true, batchNorm: true);
        model.train();
        Func<TaskMap<Tensor>> all = () => model.Losses(model.call(data.Inputs), data.Targets);
        using var method = new FORUM(model, all, all);
        var losses = all();
        var (bits, random) = (Rig.Bits(model), get_rng_state().data<byte>().ToArray());
        LiveTensors.ShouldStayTheSame(() => method.Backward(losses, model.SharedParameters()));
        Rig.Bits(model).Should().Be(bits);
        get_rng_state().data<byte>().ToArray().Should().Equal(random);
        model.parameters().Should().AllSatisfy(p => p.grad.Should().NotBeNull());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_trainer_computes_the_training_batch_anew(int accumulate)
    {
        using var data = Rig.Data(samples: 24);
        using var held = Rig.Data(samples: 8, seed: 2);
        double[] Run(bool byHand)
        {
            using var model = Rig.Model();
            Func<TaskMap<Tensor>> validation = () => model.Losses(model.call(held.Inputs), held.Targets);
            MultiTaskBatch[] batches = [.. data.Batches(24 / accumulate).Epoch(0)];
            Func<TaskMap<Tensor>> training = () => model.Losses(new MultiTaskBatch(batches.SelectMany(b => b.Parts)));
            using var method = new FORUM(model, validation, byHand ? training : null, stepSize: 0.05, rate: 0.01);
            using var trainer = new Trainer(model, method, Rig.Sgd(0.05));
            trainer.Fit(data.Batches(24 / accumulate), options: new() { Epochs = 3, AccumulateBatches = accumulate });
            return [.. method.LastWeights!.Values, .. model.parameters().SelectMany(p => p.Values())];
        }

        Same(Run(byHand: false), Run(byHand: true), 1e-9);
    }

    [Fact]
    public void Without_a_way_to_compute_the_training_batch_anew_it_says_so()
    {
        using var toy = new BilevelToy();
        using var method = new FORUM(BilevelToy.Names, () => toy.Validation(), [toy.Theta]);
        method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<InvalidOperationException>().WithMessage("FORUM*`training`*trainer*");
        toy.Theta.grad.Should().BeNull();
    }

    [Fact]
    public void A_step_that_fails_leaves_parameters_and_gradients_as_they_were()
    {
        using var toy = new BilevelToy();
        Func<TaskMap<Tensor>> training = () => toy.Training();
        Func<TaskMap<Tensor>> validation = () => toy.Validation();
        using var method = new FORUM(BilevelToy.Names, () => validation(), [toy.Theta], () => training(), stepSize: 0.2);
        var bits = toy.Theta.bytes.ToArray();

        training = () => toy.Training("a", "b");
        Fails<ArgumentException>("*'c'*`training`*FORUM*'a', 'b'*");
        training = () => toy.Training().Map((task, loss) => task == "b" ? loss / 0 : loss);
        Fails<NonFiniteException>("*'b'*training loss after steps of 0.2*");
        training = () => toy.Training();
        validation = () => toy.Validation("b", "c");
        Fails<ArgumentException>("*'a'*`validation`*FORUM*'b', 'c'*");
        validation = () => toy.Validation().Map((_, loss) => loss * double.NaN);
        Fails<NonFiniteException>("*'a'*validation loss*NaN*");
        validation = () => toy.Validation();
        method.Backward(toy.Training(), [toy.Theta]);

        void Fails<T>(string message)
            where T : Exception
        {
            method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<T>().WithMessage(message);
            toy.Theta.bytes.ToArray().Should().Equal(bits);
            toy.Theta.grad.Should().BeNull();
        }
    }

    [Fact]
    public void A_task_that_is_absent_keeps_what_was_learned_and_the_others_share_the_direction()
    {
        using var toy = new BilevelToy();
        using var method = Method(toy, innerSteps: 2, rho: 0.1, rate: 0.05);
        method.Backward(toy.Training(), [toy.Theta]);
        toy.Theta.grad = null;
        var before = Memory("b");
        method.Backward(toy.Training("c"), [toy.Theta]);
        Memory("b").Should().Equal(before);

        // λ̃ of one task alone is 1.
        var (f, q) = (BilevelToy.ValidationGradient(2, toy.Point), BilevelToy.TrainingGradient(2, toy.Point));
        var found = toy.Theta.grad!.Values();
        (((found[0] - f[0]) * q[1]) - ((found[1] - f[1]) * q[0])).Should().BeApproximately(0, 1e-12, "what is left is a multiple of ∇f");
        method.Reset();
        method.state_dict().Where(p => p.Key.Contains("lambda") || p.Key.Contains("logits")).Should().AllSatisfy(p => p.Value.Values().Should().OnlyContain(v => v == 0));

        double[] Memory(string task) => [.. method.state_dict().Where(p => p.Key.EndsWith($".{task}", StringComparison.Ordinal)).SelectMany(p => p.Value.Values())];
    }

    [Fact]
    public void At_the_minimum_of_the_training_loss_it_is_MGDA_on_the_validation_losses()
    {
        using var theta = nn.Parameter(tensor(new[] { 1.0, 2.0 }));
        using var method = new FORUM(["a", "b"], () => [("a", theta[0].square()), ("b", (theta * 1.5).square().sum())], [theta], () => [("a", (theta * 0).sum()), ("b", (theta * 0).sum())]);
        method.Backward([("a", (theta * 0).sum()), ("b", (theta * 0).sum())], [theta]);
        Same(theta.grad!.Values(), [2, 0], 1e-12);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using var toy = new BilevelToy();
        Func<TaskMap<Tensor>> validation = () => toy.Validation();
        FluentActions.Invoking(() => new FORUM(["a"], validation, [toy.Theta], rho: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`rho`*positive*0*");
        FluentActions.Invoking(() => new FORUM(["a"], validation, [toy.Theta], innerSteps: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`innerSteps`*1*0*");
        FluentActions.Invoking(() => new FORUM(["a"], validation, [toy.Theta], stepSize: double.NaN)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`stepSize`*positive*NaN*");
        FluentActions.Invoking(() => new FORUM(["a"], validation, [toy.Theta], rate: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`rate`*positive*-1*");
        using var method = new FORUM(["a"], validation, [toy.Theta], validation);
        method.Invoking(m => m.Backward(toy.Training(), [toy.Theta])).Should().Throw<ArgumentException>().WithMessage("FORUM*'a'*'b', 'c'*");
    }

    private static FORUM Method(BilevelToy toy, int innerSteps, double rho, double rate) =>
        new(BilevelToy.Names, () => toy.Validation(), [toy.Theta], () => toy.Training(), rho: rho, innerSteps: innerSteps, stepSize: 0.2, rate: rate);

    private static double Lower(double[] alpha, double[] at) => alpha.Select((w, k) => w * BilevelToy.Training(k, at)).Sum();

    private static void Same(IEnumerable<double> found, IEnumerable<double> expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
