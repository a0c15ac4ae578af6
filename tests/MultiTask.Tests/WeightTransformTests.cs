using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests;

public sealed class WeightTransformTests
{
    private static readonly string[] Tasks = ["0", "1", "2"];

    public static TheoryData<string, Func<GramianWeighting, Balancer>> Decorators => new()
    {
        { nameof(SmoothedWeights), inner => new SmoothedWeights(Tasks, inner) },
        { nameof(NormalizedWeights), inner => new NormalizedWeights(inner) },
        { nameof(PeriodicWeights), inner => new PeriodicWeights(Tasks, inner, period: 2) },
    };

    /// <remarks>The contract tests decorate MGDA, which remembers nothing.</remarks>
    [Theory]
    [MemberData(nameof(Decorators))]
    public void What_the_inner_balancer_remembers_is_in_the_state(string name, Func<GramianWeighting, Balancer> decorate)
    {
        using var inner = new PCGrad(seed: 7);
        using var decorator = decorate(inner);
        using var twin = new PCGrad(seed: 8);
        using var resumed = decorate(twin);
        var g = Gramians.Of(Jacobians.B);
        for (var step = 0; step < 3; step++)
        {
            inner.Weigh(g);
        }

        resumed.load_state_dict(decorator.state_dict());
        for (var step = 0; step < 20; step++)
        {
            twin.Weigh(g).Should().Equal(inner.Weigh(g), name);
        }
    }

    [Theory]
    [MemberData(nameof(Decorators))]
    public void What_works_at_the_parameters_only_does_so_in_a_decorator(string name, Func<GramianWeighting, Balancer> decorate)
    {
        using var local = decorate(new Local());
        using var any = decorate(new MGDA());
        local.AtParametersOnly.Should().BeTrue(name);
        any.AtParametersOnly.Should().BeFalse(name);
    }

    private sealed class Local() : GramianWeighting(nameof(Local))
    {
        public override bool AtParametersOnly => true;

        public override double[] Weigh(Gramian gramian) => [.. gramian.Tasks.Select(_ => 1.0)];
    }
}
