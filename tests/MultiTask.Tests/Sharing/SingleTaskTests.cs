using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class SingleTaskTests
{
    [Fact]
    public void Each_task_has_a_tower_that_nobody_else_reads()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var trunk = new SingleTask(["a", "b"], () => Linear(3, 2));
        var x = ones(4, 3);
        var z = trunk.call(x);
        z.Shared.Should().BeNull();
        z.For("a").Values().Should().NotEqual(z.For("b").Values(), "towers start from draws of their own");
        trunk.SharedParameters().Should().BeEmpty();
        trunk.Penalty().Should().BeNull();
    }

    [Fact]
    public void State_keys_name_the_task()
    {
        using var trunk = new SingleTask(["age", "sex"], () => Sequential(Linear(3, 2)));
        trunk.state_dict().Keys.Should().Equal("towers.age.0.weight", "towers.age.0.bias", "towers.sex.0.weight", "towers.sex.0.bias");
    }

    [Fact]
    public void Only_the_towers_that_are_asked_for_run()
    {
        using var scope = NewDisposeScope();
        var ran = new List<string>();
        var names = new Queue<string>(["a", "b", "c"]);
        using var trunk = new SingleTask(["a", "b", "c"], () =>
        {
            var name = names.Dequeue();
            var tower = Linear(3, 2);
            tower.register_forward_hook((_, _, output) =>
            {
                ran.Add(name);
                return output;
            });
            return tower;
        });
        var z = trunk.call(ones(1, 3));
        z.For("c");
        z.For("c");
        ran.Should().Equal("c");
    }

    [Fact]
    public void Refuses_towers_that_are_not_each_tasks_own()
    {
        var one = Linear(3, 2);
        FluentActions.Invoking(() => new SingleTask(["a", "b"], () => one)).Should().Throw<ArgumentException>().WithMessage("*new modules*twice*");
        FluentActions.Invoking(() => new SingleTask(["a", "b"], () => Sequential(one, Tanh()))).Should().Throw<ArgumentException>().WithMessage("*new modules*parameter twice*");
        FluentActions.Invoking(() => new SingleTask(["a"], () => null!)).Should().Throw<ArgumentException>().WithMessage("*null*");
        FluentActions.Invoking(() => new SingleTask(["a", "a"], () => Linear(3, 2))).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        FluentActions.Invoking(() => new SingleTask(["a.b"], () => Linear(3, 2))).Should().Throw<ArgumentException>().WithMessage("*dot*");
    }

    [Fact]
    public void Towers_with_equal_weights_are_still_towers_of_their_own()
    {
        using var trunk = new SingleTask(["a", "b"], () =>
        {
            var tower = Linear(3, 2);
            init.zeros_(tower.weight);
            init.zeros_(tower.bias);
            return tower;
        });
        trunk.parameters().Should().HaveCount(4);
    }

    [Fact]
    public void A_task_it_was_not_built_for_is_named()
    {
        using var scope = NewDisposeScope();
        using var trunk = new SingleTask(["a", "b"], () => Linear(3, 2));
        trunk.Invoking(t => t.call(ones(1, 3)).For("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*'a', 'b'*");
        trunk.Invoking(t => t.TaskParameters("z").Count()).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*");
    }
}
