using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class DrawsTests
{
    [Fact]
    public void Each_draw_has_a_generator_of_its_own()
    {
        using var draws = new Draws(seed: 0);
        Enumerable.Range(0, 1_000).Select(_ => draws.Next().Next()).Distinct().Should().HaveCountGreaterThan(995);
    }

    [Fact]
    public void Neighbouring_seeds_share_no_sequence()
    {
        int[] Sequence(long seed)
        {
            using var draws = new Draws(seed);
            return [.. Enumerable.Range(0, 50).Select(_ => draws.Next().Next())];
        }

        Sequence(1).Should().NotIntersectWith(Sequence(2));
        Sequence(-1).Should().Equal(Sequence(-1));
    }

    [Fact]
    public void The_state_is_seed_and_count_which_go_into_a_checkpoint_and_survive_conversions()
    {
        using var draws = new Draws(seed: 5);
        using var resumed = new Draws(seed: 6);
        draws.Next();
        draws.to(ScalarType.Float32);
        draws.to(CPU);
        draws.Next(CPU).Dispose();
        draws.state_dict().Should().HaveCount(2);
        draws.state_dict()["seed"].item<long>().Should().Be(5);
        draws.state_dict()["count"].item<long>().Should().Be(2);
        resumed.load_state_dict(draws.state_dict());
        resumed.Next().Next().Should().Be(draws.Next().Next());
    }

    [Fact]
    public void Moves_to_another_device()
    {
        using var draws = new Draws(seed: 5);
        draws.to(META);
        draws.buffers().Should().HaveCount(2).And.OnlyContain(b => b.device_type == DeviceType.META);
        draws.Clear();
    }

    [Fact]
    public void A_task_s_own_numbers_are_always_the_same()
    {
        using var draws = new Draws(seed: 5);
        var first = draws.Of("age").Next();
        first.Should().Be(792592646, "in every process");
        draws.Next();
        draws.Of("age").Next().Should().Be(first);
        draws.state_dict()["count"].item<long>().Should().Be(1);
        using var other = new Draws(seed: 6);
        new[] { draws.Of("sex").Next(), draws.Of("").Next(), other.Of("age").Next() }.Should().NotContain(first).And.OnlyHaveUniqueItems();
    }

    [Fact]
    public void Clear_starts_again()
    {
        using var draws = new Draws(seed: 6);
        var first = draws.Next().Next();
        draws.Next();
        draws.Clear();
        draws.Next().Next().Should().Be(first);
    }
}
