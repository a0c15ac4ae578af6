using FluentAssertions;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

/// <summary>Counts tensors that are made on this thread and not disposed.</summary>
internal static class Leaks
{
    public static void NoneIn(Action action)
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        action();
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before, "every tensor made should be disposed");
    }

    /// <summary>Reads as a trainer does: each batch is made and used inside a scope that is closed after the step.</summary>
    public static List<TResult> Steps<TResult>(IEnumerable<MultiTaskBatch> epoch, Func<MultiTaskBatch, TResult> step)
    {
        var results = new List<TResult>();
        using var batches = epoch.GetEnumerator();
        while (true)
        {
            using var scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                return results;
            }

            results.Add(step(batches.Current));
        }
    }
}
