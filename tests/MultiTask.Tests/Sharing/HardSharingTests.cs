using FluentAssertions;
using MultiTask.Sharing;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class HardSharingTests
{
    [Fact]
    public void All_tasks_read_the_one_encoding()
    {
        using var scope = NewDisposeScope();
        var encoder = Linear(3, 2);
        using var trunk = new HardSharing(encoder);
        var x = randn([4, 3], generator: new Generator(1));
        var z = trunk.call(x);
        z.For("a").Should().BeSameAs(z.For("b"));
        z.Shared!.Equals(encoder.call(x)).Should().BeTrue();
        trunk.Tasks.Should().BeNull("any task will do");
        trunk.Penalty().Should().BeNull();
    }

    [Fact]
    public void State_keys_have_no_extra_level()
    {
        using var trunk = new HardSharing(Sequential(Linear(3, 2), Tanh()));
        trunk.state_dict().Keys.Should().Equal("encoder.0.weight", "encoder.0.bias");
    }

    [Fact]
    public void A_module_that_stands_twice_in_the_encoder_is_shared_once()
    {
        var twice = Linear(3, 3);
        using var trunk = new HardSharing(Sequential(("first", twice), ("act", Tanh()), ("second", twice)));
        trunk.SharedParameters().Should().HaveCount(2);
    }

    [Fact]
    public void Refuses_no_encoder() =>
        FluentActions.Invoking(() => new HardSharing(null!)).Should().Throw<ArgumentNullException>();
}
