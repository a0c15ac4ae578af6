using FluentAssertions;
using MultiTask.Data;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

public class OneTaskTests
{
    /// <summary>Labels of one dimension once made it throw, so that no single-task baseline of a classification could be trained.</summary>
    [Fact]
    public void Samples_without_a_label_of_the_task_are_left_out()
    {
        using var scope = NewDisposeScope();
        using var data = new MultiTaskDataset(
            arange(6).to(ScalarType.Float32).unsqueeze(1),
            [
                ("class", tensor(new long[] { 1, -100, 0, -100, -100, -100 })),
                ("tags", tensor(new long[] { -100, -100, 1, -100, 0, 1, -100, 0, -100, -100, 1, -100 }, [6, 2])),
                ("value", tensor(new float[] { 1, 2, 3, 4, 5, float.NaN })),
            ]);
        var source = data.Batches(3, shuffle: false);
        Samples.Rows(new OneTask(source, "class"), 0).Should().BeEquivalentTo(new int[][] { [0, 2] });
        Samples.Rows(new OneTask(source, "tags"), 0).Should().BeEquivalentTo(new int[][] { [1, 2], [3, 5] });
        Samples.Rows(new OneTask(source, "value"), 0).Should().BeEquivalentTo(new int[][] { [0, 1, 2], [3, 4] });
    }
}
