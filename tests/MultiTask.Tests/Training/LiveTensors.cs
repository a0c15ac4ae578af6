using FluentAssertions;
using TorchSharp;

namespace MultiTask.Tests.Training;

/// <summary>Counts the tensors that this thread made and has not disposed of.</summary>
internal static class LiveTensors
{
    public static void ShouldStayTheSame(Action action)
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        action();
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before, "no tensor should stay behind");
    }
}
