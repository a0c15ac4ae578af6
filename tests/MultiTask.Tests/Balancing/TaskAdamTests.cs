using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class TaskAdamTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Does_what_the_optimizer_does()
    {
        var parameter = nn.Parameter(tensor(new[] { 0.5, 0.5 }));
        using var optimizer = optim.Adam([parameter], 0.02);
        using var adam = new TaskAdam(["a", "b"], 0.5, 0.02);
        var random = new Random(1);
        for (var step = 0; step < 50; step++)
        {
            double[] gradient = [Gramians.Gaussian(random), 1e3 * (Gramians.Gaussian(random) + 1)];
            parameter.grad = tensor(gradient);
            optimizer.step();
            adam.Step(["a", "b"], gradient);
        }

        adam.Of(["a", "b"]).Should().Equal(parameter.Values(), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void A_task_that_is_absent_stays_as_it_is_and_counts_its_own_steps()
    {
        using var adam = new TaskAdam(["a", "b"], 1, 0.1);
        adam.Step(["a"], [2]);
        adam.Step(["a"], [2]);
        adam.Of(["b", "a"]).Should().Equal([1, 0.8], (x, y) => Math.Abs(x - y) < 1e-7);
        adam.Step(["b"], [-5]);
        adam.Of(["b"])[0].Should().BeApproximately(1.1, 1e-7);
    }

    [Fact]
    public void A_number_can_be_replaced_and_the_averages_stay()
    {
        using var adam = new TaskAdam(["a"], 1, 0.1);
        using var twin = new TaskAdam(["a"], 1, 0.1);
        adam.Step(["a"], [2]);
        twin.Step(["a"], [2]);
        adam.Put(["a"], [7]);
        adam.Of(["a"]).Should().Equal(7);
        adam.Step(["a"], [-1]);
        var before = twin.Of(["a"])[0];
        twin.Step(["a"], [-1]);
        (adam.Of(["a"])[0] - 7).Should().BeApproximately(twin.Of(["a"])[0] - before, 1e-14);
        adam.Clear();
        adam.Of(["a"]).Should().Equal(1);
    }
}
