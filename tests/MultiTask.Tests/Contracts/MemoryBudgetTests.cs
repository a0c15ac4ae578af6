using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Contracts;

/// <summary>Gradients that never are in memory together give what they give together.</summary>
public sealed class MemoryBudgetTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<Type> All => Concrete.TheoryOf<GramianWeighting>();

    public void Dispose() => scope.Dispose();

    /// <summary>One byte: each parameter by itself.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Without_memory_all_gradients_are_the_same(Type type)
    {
        using var net = new SmallNet(4);
        using var rich = Concrete.Balancer(type, Concrete.Names(4), net);
        using var poor = WithBudget(Concrete.Balancer(type, Concrete.Names(4), net), 1);
        foreach (var present in new Func<int, bool>[] { _ => true, i => i != 1 })
        {
            net.ZeroGradients();
            rich.Backward(net.Losses(present), net.Shared);
            var expected = SmallNet.Gradients(net.All);
            net.ZeroGradients();
            poor.Backward(net.Losses(present), net.Shared);
            BalancerContract.Same(SmallNet.Gradients(net.All), expected, 1e-10, type.Name);
            poor.LastWeights!.Values.Should().Equal(rich.LastWeights!.Values, (a, b) => Math.Abs(a - b) <= 1e-8 * (1 + Math.Abs(b)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4 * 8 * 20)] // some parameters together
    [InlineData(long.MaxValue)]
    public void Several_micro_batches_accumulate_and_leave_no_tensor(long budget)
    {
        using var net = new SmallNet(4);
        using var poor = new UPGrad { MemoryBudget = budget };
        using var rich = new UPGrad();
        BalancerContract.Same(Balanced(poor), Balanced(rich), 1e-10, $"{budget} bytes");

        double[]?[] Balanced(Balancer balancer)
        {
            foreach (var parameter in net.All)
            {
                parameter.grad = ones_like(parameter);
            }

            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            balancer.Backward(Halves(), net.Shared);
            DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
            return SmallNet.Gradients(net.All);
        }

        IEnumerable<MicroBatchLosses> Halves()
        {
            yield return new(net.Losses(i => i != 2), TaskMap.Create(Concrete.Names(4).Where((_, i) => i != 2).Select(task => (task, 0.25))));
            yield return new(net.Losses(), TaskMap.Create(Concrete.Names(4).Select((task, i) => (task, i == 2 ? 1 : 0.75))));
        }
    }

    [Fact]
    public void A_gradient_that_is_not_finite_is_told_before_any_is_changed()
    {
        using var net = new SmallNet(3);
        using var poor = new PCGrad { MemoryBudget = 1 };
        var losses = net.Losses().Map((task, loss) => task == "task1" ? loss + ((loss - loss.detach()).abs() + 0).sqrt() : loss); // √0 has no finite slope
        var backward = () => poor.Backward(losses, net.Shared);
        backward.Should().Throw<NonFiniteException>().WithMessage("*task1*gradient*");
        SmallNet.Gradients(net.Shared).Should().AllSatisfy(g => g.Should().BeNull());
    }

    [Fact]
    public void A_budget_of_nothing_is_refused()
    {
        var make = () => new MGDA { MemoryBudget = 0 };
        make.Should().Throw<ArgumentOutOfRangeException>().WithMessage("*MemoryBudget*at least 1*Found 0*");
    }

    private static Balancer WithBudget(Balancer balancer, long bytes)
    {
        typeof(GramianWeighting).GetProperty(nameof(GramianWeighting.MemoryBudget))!.SetValue(balancer, bytes);
        return balancer;
    }
}
