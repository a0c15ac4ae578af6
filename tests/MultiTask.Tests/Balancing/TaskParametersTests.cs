using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class TaskParametersTests
{
    [Theory]
    [InlineData("training")]
    [InlineData("Tasks")]
    [InlineData("weight")]
    [InlineData("Count")]
    [InlineData("Values")]
    [InlineData("Item")]
    [InlineData("name")]
    [InlineData("_dict")]
    public void Any_task_name_will_do_even_one_that_a_module_has_a_member_of(string task)
    {
        using var imtl = new IMTLL(["other", task]);
        imtl.to(CPU);
        imtl.to(ScalarType.Float64);
        imtl.named_parameters().Select(p => p.name).Should().BeEquivalentTo("log_scale.other", $"log_scale.{task}");
        imtl.parameters().Should().AllSatisfy(p => p.dtype.Should().Be(ScalarType.Float64));
        imtl.Backward(Scalars.Of((task, 3)), []);
        imtl.named_parameters().Single(p => p.parameter.grad is not null).name.Should().Be($"log_scale.{task}");
    }

    [Fact]
    public void Moves_to_another_device_with_the_method()
    {
        using var imtl = new IMTLL(["Keys", "tasks"], new RLW());
        imtl.to(META);
        imtl.parameters().Should().AllSatisfy(p => p.device_type.Should().Be(DeviceType.META));
        imtl.buffers().Should().AllSatisfy(p => p.device_type.Should().Be(DeviceType.META));
        imtl.Transform([("tasks", ones([], device: META))])["tasks"].device_type.Should().Be(DeviceType.META);
    }

    [Fact]
    public void What_the_optimizer_holds_after_a_conversion_is_what_gets_the_gradient()
    {
        using var uw = new UncertaintyWeighting([("a", Likelihood.Gaussian)]);
        uw.to(ScalarType.Float64);
        var held = uw.parameters().ToList();
        uw.Backward(Scalars.Of(("a", 3)), []);
        held.Single().grad!.item<double>().Should().Be(-1);
    }
}
