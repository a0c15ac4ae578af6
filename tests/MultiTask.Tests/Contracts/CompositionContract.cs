using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Contracts;

/// <summary>Any loss transform with any gradient method, for every one there is.</summary>
public sealed class CompositionContract : IDisposable
{
    private static readonly string[] Tasks = Concrete.Names(3);

    private static readonly Func<Balancer, LossTransform>[] Transforms =
    [
        inner => new LogLosses(inner),
        inner => new RelativeLosses(Tasks, inner),
        inner => new IMTLL(Tasks, inner),
        inner => new WeightedLosses(new FixedWeights([("task0", 2), ("task1", 0.5), ("task2", 1)]), inner),
    ];

    private readonly DisposeScope scope = NewDisposeScope();

    /// <summary>All that see gradients; GradNorm needs positive losses, which logarithms are not.</summary>
    public static TheoryData<Type> GradientMethods =>
        new(Concrete.TypesOf<Balancer>().Where(t => !t.IsAssignableTo(typeof(Scalarizer)) && !t.IsAssignableTo(typeof(LossTransform)) && t != typeof(GradNorm)));

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Every_loss_transform_that_takes_an_inner_balancer_is_here() =>
        Transforms.Select(make => make(new MGDA()).GetType()).Should().BeEquivalentTo(
            Concrete.TypesOf<LossTransform>().Where(t => t.GetConstructors().Any(c => c.GetParameters().Any(p => p.ParameterType == typeof(Balancer)))));

    [Theory]
    [MemberData(nameof(GradientMethods))]
    public void A_transform_around_a_method_is_the_method_on_the_transformed_losses(Type type)
    {
        foreach (var make in Transforms)
        {
            using var net = new SmallNet(3);
            using var method = make(Concrete.Balancer(type, Tasks, net));
            using var transform = make(new EqualWeights());
            using var inner = Concrete.Balancer(type, Tasks, net);
            method.Backward(net.Losses(), net.Shared);
            var found = SmallNet.Gradients(net.All);
            net.ZeroGradients();
            if (inner is FORUM)
            {
                // It computes the training losses anew, which is the transform's business.
                found.SkipLast(2).Should().AllSatisfy(g => g.Should().NotBeNull().And.OnlyContain(v => double.IsFinite(v)), method.GetName());
                continue;
            }

            inner.Backward(transform.Transform(net.Losses()), net.Shared);
            foreach (var (a, b) in found.Zip(SmallNet.Gradients(net.All)))
            {
                (a is null).Should().Be(b is null);
                a?.Should().Equal(b!, (x, y) => Math.Abs(x - y) <= 1e-12 * (1 + Math.Abs(y)), "{0} around {1}", method.GetName(), type.Name);
            }
        }
    }
}
