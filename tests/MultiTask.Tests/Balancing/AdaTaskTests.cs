using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class AdaTaskTests : IDisposable
{
    private const double Rate = 0.01;
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Rates => ["Adam", "Adam with options", "Adagrad", "RMSProp"];

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(Rates))]
    public void With_one_task_and_SGD_it_is_the_optimizer(string name)
    {
        var (rate, make) = Of(name);
        using var method = new AdaTask(["a"], rate);
        var (p, q) = (Start(), Start());
        using var sgd = optim.SGD([p], Rate);
        using var optimizer = make(q);
        for (var step = 0; step < 20; step++)
        {
            sgd.zero_grad();
            method.Backward([("a", Loss(p, step))], [p]);
            sgd.step();
            optimizer.zero_grad();
            Loss(q, step).backward();
            optimizer.step();
            p.Values().Should().Equal(q.Values(), (x, y) => Math.Abs(x - y) < 1e-12);
        }

        p.Values().Should().NotEqual(Start().Values());
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void Each_task_moves_as_if_it_were_alone(string name)
    {
        var (rate, _) = Of(name);
        using var both = new AdaTask(["0", "1"], rate);
        using var first = new AdaTask(["0"], rate);
        using var second = new AdaTask(["1"], rate);
        var random = new Random(4);
        for (var step = 0; step < 5; step++)
        {
            var rows = Gramians.Normal(random, 2, 4);
            var found = both.Aggregate(Jacobians.Of(rows)).Values();
            var expected = (first.Aggregate(Jacobians.Of(rows[0])) + second.Aggregate(new(Jacobians.Of(rows[1]).Matrix, [("1", 0.0)]))).Values();
            found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-13);
        }
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void The_scale_of_a_tasks_gradients_does_not_matter_but_for_epsilon(string name)
    {
        var (rate, _) = Of(name);
        using var plain = new AdaTask(["0", "1"], rate);
        using var scaled = new AdaTask(["0", "1"], rate);
        var random = new Random(5);
        for (var step = 0; step < 5; step++)
        {
            var rows = Gramians.Normal(random, 2, 4);
            var expected = plain.Aggregate(Jacobians.Of(rows)).Values();
            scaled.Aggregate(Jacobians.Of(rows[0], Array.ConvertAll(rows[1], v => 1e3 * v))).Values().Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-2);
        }
    }

    [Fact]
    public void A_task_that_is_absent_moves_nothing_and_has_its_own_count_of_steps()
    {
        using var method = new AdaTask(["0", "1"]);
        for (var step = 0; step < 50; step++)
        {
            method.Aggregate(Jacobians.Of([1, 0]));
        }

        // Adam's first step is g/|g| thanks to its correction, in the task's own first step.
        method.Aggregate(Jacobians.Of([1, 0], [0, 5])).Values().Should().Equal([1, 1], (x, y) => Math.Abs(x - y) < 1e-6);
    }

    [Fact]
    public void Heads_keep_their_own_gradients()
    {
        using var net = new SmallNet(2);
        using var method = new AdaTask(Concrete.Names(2));
        method.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.Head(0).Concat(net.Head(1)));
        net.ZeroGradients();
        net.Losses().Values.Aggregate((a, b) => a + b).backward();
        SmallNet.Gradients(net.Head(0).Concat(net.Head(1))).Zip(found).Should().AllSatisfy(p => p.First.Should().Equal(p.Second!, (x, y) => Math.Abs(x - y) < 1e-13));
    }

    [Fact]
    public void Reset_forgets()
    {
        using var method = new AdaTask(["0", "1"]);
        var first = method.Aggregate(Jacobians.Of(Jacobians.A)).Values();
        method.Aggregate(Jacobians.Of([9, 9, 9], [0, 0, 1]));
        method.Reset();
        method.Aggregate(Jacobians.Of(Jacobians.A)).Values().Should().Equal(first);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Refused(() => AdaptiveRate.Adam(beta1: 1)).WithMessage("*`beta1`*[0, 1)*1*");
        Refused(() => AdaptiveRate.Adam(beta2: -0.5)).WithMessage("*`beta2`*-0.5*");
        Refused(() => AdaptiveRate.Adam(epsilon: 0)).WithMessage("*`epsilon`*positive*0*");
        Refused(() => AdaptiveRate.Adagrad(epsilon: double.NaN)).WithMessage("*`epsilon`*NaN*");
        Refused(() => AdaptiveRate.RMSProp(alpha: 1)).WithMessage("*`alpha`*[0, 1)*");
        Refused(() => AdaptiveRate.RMSProp(epsilon: -1)).WithMessage("*`epsilon`*-1*");
        using var method = new AdaTask(["0"]);
        method.Invoking(m => m.Aggregate(Jacobians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*AdaTask*'1'*");

        static FluentAssertions.Specialized.ExceptionAssertions<ArgumentOutOfRangeException> Refused(Func<AdaptiveRate> make) =>
            make.Should().Throw<ArgumentOutOfRangeException>();
    }

    private static (AdaptiveRate? Rate, Func<Parameter, optim.Optimizer> Optimizer) Of(string name) => name switch
    {
        "Adam" => (null, p => optim.Adam([p], Rate)),
        "Adam with options" => (AdaptiveRate.Adam(0.5, 0.9, 1e-3), p => optim.Adam([p], Rate, 0.5, 0.9, 1e-3)),
        "Adagrad" => (AdaptiveRate.Adagrad(), p => optim.Adagrad([p], Rate)),
        _ => (AdaptiveRate.RMSProp(), p => optim.RMSProp([p], Rate)),
    };

    private static Parameter Start() => nn.Parameter(tensor(new double[] { 1, -2, 3 }));

    private static Tensor Loss(Tensor p, int step) => ((p - (0.1 * step)) * tensor(new double[] { 1, 20, 0.03 })).pow(2).sum();
}
