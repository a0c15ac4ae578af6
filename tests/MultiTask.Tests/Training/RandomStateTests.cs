using FluentAssertions;
using MultiTask.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

[Collection(GlobalRandomNumbers.Name)]
public sealed class RandomStateTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Numbers_go_on_where_they_were()
    {
        manual_seed(3);
        Draw();
        var state = RandomState.Capture();
        var expected = Draw();

        RandomState.Restore(state, "the file");

        Draw().Should().Equal(expected);
        Draw().Should().NotEqual(expected);
    }

    [Fact]
    public void Capturing_draws_nothing()
    {
        manual_seed(3);
        var expected = Draw();

        manual_seed(3);
        RandomState.Capture();

        Draw().Should().Equal(expected);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(5057)]
    public void A_state_of_another_length_is_refused(int length) => Refused(new byte[length], "*should have*bytes*");

    [Fact]
    public void Bytes_that_are_no_state_are_refused_rather_than_ending_the_process()
    {
        var length = RandomState.Capture().Length;
        Refused(new byte[length], "the file: *not the state*");
        Refused([.. Enumerable.Repeat((byte)0xFF, length)], "the file: *not the state*");
        var random = new Random(1);
        for (var i = 0; i < 100; i++)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            Refused(bytes, "the file: *not the state*");
        }
    }

    [Fact]
    public void No_tensor_stays_behind() =>
        LiveTensors.ShouldStayTheSame(() => RandomState.Restore(RandomState.Capture(), "the file"));

    /// <summary>An odd number of normal numbers leaves half a pair in the generator: that is state, too.</summary>
    private static float[] Draw() => [.. randn(3).data<float>(), .. rand(2).data<float>(), .. randperm(7).@float().data<float>()];

    private static void Refused(byte[] state, string message)
    {
        var before = RandomState.Capture();

        var restore = () => RandomState.Restore(state, "the file");

        restore.Should().Throw<InvalidDataException>().WithMessage(message);
        RandomState.Capture().Should().Equal(before);
    }
}
