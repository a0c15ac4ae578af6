using System.Text.Json;
using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;

namespace MultiTask.Tests.Training;

public sealed class JsonLinesLogTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string Target => directory.File("run.jsonl");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_line_is_an_object_with_the_figures_that_the_step_has()
    {
        var records = Records.Of();
        using (new Culture("de-DE"))
        {
            Write(append: false, records);
        }

        var lines = Lines();
        lines.Should().HaveCount(3);
        var first = lines[0].RootElement;
        first.EnumerateObject().Select(p => p.Name).Should().Equal(
            "epoch", "step", "skipped", "loss", "weight", "norm", "dominance", "cosine", "magnitude_similarity", "curvature",
            "conflict_rate", "min_cosine", "mean_magnitude_similarity", "max_curvature", "condition_number", "stationarity", "relative_stationarity");
        first.GetProperty("loss").GetProperty("income").GetDouble().Should().Be(1234.5);
        first.GetProperty("weight").GetProperty("age").GetDouble().Should().Be(1.0 / 3);
        first.GetProperty("norm").GetProperty("age").GetDouble().Should().Be(Math.Sqrt(18));
        first.GetProperty("cosine").GetProperty("age.income").GetDouble().Should().Be(records[0].Conflicts!["age", "income"].Cosine);
        first.GetProperty("conflict_rate").GetDouble().Should().Be(1);
        first.GetProperty("stationarity").GetDouble().Should().Be(records[0].Conflicts!.Stationarity);

        lines[1].RootElement.EnumerateObject().Select(p => p.Name).Should().Equal("epoch", "step", "skipped", "fault");
        lines[1].RootElement.GetProperty("skipped").GetBoolean().Should().BeTrue();
        lines[1].RootElement.GetProperty("fault").GetString().Should().Be(records[1].Fault);

        var last = lines[2].RootElement;
        last.EnumerateObject().Select(p => p.Name).Should().Equal(
            "epoch", "step", "skipped", "loss", "weight", "norm", "dominance", "condition_number", "stationarity", "relative_stationarity");
        (last.GetProperty("epoch").GetInt32(), last.GetProperty("step").GetInt64()).Should().Be((1, 2));
        last.GetProperty("condition_number").GetString().Should().Be("Infinity");
        last.GetProperty("loss").EnumerateObject().Single().Value.GetDouble().Should().Be(1e-300);
    }

    [Fact]
    public void Names_of_tasks_may_have_any_characters()
    {
        Write(append: false, Records.Of("a\"b\n", "Größe, 1/2"));
        Lines()[0].RootElement.GetProperty("cosine").EnumerateObject().Single().Name.Should().Be("a\"b\n.Größe, 1/2");
    }

    [Fact]
    public void A_line_is_there_as_soon_as_its_step_is_made()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
        using var monitor = new GradientMonitor(new JsonLinesLog(Target));
        var hook = new Hook(step: (_, report) => Lines().Should().HaveCount((int)report.Step));
        trainer.Fit(data.Batches(4), options: new() { Epochs = 2, Callbacks = [monitor, hook] });
        Lines()[^1].RootElement.GetProperty("norm").GetProperty("b").GetDouble().Should().Be(monitor.Last!.Conflicts!.Norms["b"]);
    }

    [Fact]
    public void A_resumed_run_goes_on_below_and_a_torn_line_is_cut_off()
    {
        Write(append: true, Records.Of());
        File.AppendAllText(Target, """{"epoch":1,"st""");
        Write(append: true, Records.Of());
        Lines().Should().HaveCount(6);
        Write(append: false, Records.Of());
        Lines().Should().HaveCount(3);
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_refused_at_once() =>
        FluentActions.Invoking(() => new JsonLinesLog(directory.File("none/run.jsonl"))).Should().Throw<IOException>();

    [Fact]
    public void What_is_closed_takes_no_more()
    {
        var log = new JsonLinesLog(Target);
        log.Dispose();
        log.Dispose();
        log.Invoking(l => l.Write(Records.Of()[0])).Should().Throw<ObjectDisposedException>();
    }

    private void Write(bool append, StepRecord[] records)
    {
        using var log = new JsonLinesLog(Target, append);
        foreach (var record in records)
        {
            log.Write(record);
        }
    }

    private JsonDocument[] Lines()
    {
        using var reader = new StreamReader(new FileStream(Target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line))];
    }
}
