using FluentAssertions;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class RepresentationTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Says_so_when_it_has_died_with_its_scope()
    {
        var representation = new Representation(_ => ones(2));
        using (NewDisposeScope())
        {
            representation.For("a");
        }

        representation.Invoking(r => r.For("a")).Should().Throw<InvalidOperationException>().WithMessage("*task 'a'*disposed*");
    }

    [Fact]
    public void One_tensor_is_for_every_task()
    {
        var z = ones(2);
        var representation = new Representation(z);
        representation.Shared.Should().BeSameAs(z);
        representation.For("a").Should().BeSameAs(z);
        representation.For("anything").Should().BeSameAs(z);
    }

    [Fact]
    public void Towers_run_once_and_only_when_asked()
    {
        var calls = new List<string>();
        var representation = new Representation(task =>
        {
            calls.Add(task);
            return ones(2);
        });
        calls.Should().BeEmpty();
        representation.Shared.Should().BeNull();
        var first = representation.For("b");
        representation.For("b").Should().BeSameAs(first);
        representation.For("a").Should().NotBeSameAs(first);
        calls.Should().Equal("b", "a");
    }

    [Fact]
    public void A_cut_has_the_same_values_in_a_graph_of_its_own()
    {
        var x = ones(3, ScalarType.Float64).requires_grad_();
        var cut = new Representation(x * 2).Cut();
        cut.Shared!.is_leaf.Should().BeTrue();
        cut.Shared.requires_grad.Should().BeTrue();
        cut.For("a").Should().BeSameAs(cut.Shared);
        (cut.Shared * 5).sum().backward();
        x.grad.Should().BeNull();
        cut.Shared.grad!.sum().item<double>().Should().Be(15);
    }

    [Fact]
    public void A_cut_of_towers_runs_them_once_and_only_when_asked()
    {
        var calls = new List<string>();
        var x = ones(3).requires_grad_();
        var cut = new Representation(task =>
        {
            calls.Add(task);
            return x * 2;
        }).Cut();
        calls.Should().BeEmpty();
        cut.Shared.Should().BeNull();
        var z = cut.For("a");
        cut.For("a").Should().BeSameAs(z);
        (calls.Count, z.requires_grad).Should().Be((1, true));
        z.sum().backward();
        x.grad.Should().BeNull();
    }

    [Fact]
    public void Refuses_nothing()
    {
        FluentActions.Invoking(() => new Representation((Tensor)null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => new Representation((Func<string, Tensor>)null!)).Should().Throw<ArgumentNullException>();
    }
}
