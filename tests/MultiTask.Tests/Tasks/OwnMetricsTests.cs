using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Metrics;
using MultiTask.Sharing;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Tasks;

public class OwnMetricsTests
{
    [Fact]
    public void A_task_is_judged_by_the_metrics_that_it_was_given()
    {
        using var trainer = Evaluate(() => [new LogLoss(), new Accuracy()], out var names);
        names.Should().Equal("log_loss", "accuracy");
    }

    [Fact]
    public void Without_any_it_is_judged_by_those_of_its_kind()
    {
        using var trainer = Evaluate(null, out var names);
        names.Should().Equal(trainer.Model.Tasks["a"].CreateMetrics().Select(m => m.Name));
    }

    private static Trainer Evaluate(Func<IReadOnlyList<Metric>>? metrics, out IEnumerable<string> names)
    {
        using var data = MultiTaskDataset.FromArrays(new float[,] { { 1 }, { 2 } }, [("a", new long[] { 0, 1 })]);
        var task = LearningTask.Classification("a", nn.Linear(1, 2), metrics: metrics);
        var trainer = new Trainer(new MultiTaskModel(new HardSharing(nn.Identity()), [task]), new EqualWeights(), p => optim.SGD(p, 0.1));
        names = trainer.Evaluate(data.Batches(2))["a"].Metrics.Select(m => m.Name);
        return trainer;
    }
}
