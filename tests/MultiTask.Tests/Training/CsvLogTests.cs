using System.Globalization;
using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Csv;
using MultiTask.Data;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;

namespace MultiTask.Tests.Training;

public sealed class CsvLogTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string Target => directory.File("run.csv");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_row_has_a_cell_for_each_figure_and_an_empty_one_for_what_is_not()
    {
        var records = Records.Of();
        using (new Culture("de-DE"))
        {
            Write(append: false, records);
        }

        var table = CsvTable.Read(Target);
        table.Columns.Should().Equal(
            "epoch", "step", "skipped", "fault", "loss/age", "loss/income", "weight/age", "weight/income", "norm/age", "norm/income",
            "dominance/age", "dominance/income", "cosine/age.income", "magnitude_similarity/age.income", "curvature/age.income",
            "conflict_rate", "min_cosine", "mean_magnitude_similarity", "max_curvature", "condition_number", "stationarity", "relative_stationarity");
        table.Select(r => (r.Number("epoch"), r.Number("step"), r.Text("skipped"), r.TextOrNull("fault")))
            .Should().Equal((0, 1, "false", null), (0, 2, "true", records[1].Fault), (1, 2, "false", null));
        foreach (var (row, record) in table.Zip(records))
        {
            foreach (var figure in record.Figures())
            {
                var cell = row.TextOrNull(figure.Name);
                (cell is null ? null : (double?)double.Parse(cell, CultureInfo.InvariantCulture)).Should().Be(figure.Value, "{0} in step {1}", figure.Name, record.Step);
            }
        }

        table[2].Text("condition_number").Should().Be("Infinity");
    }

    [Fact]
    public void Names_of_tasks_may_have_any_characters()
    {
        Write(append: false, Records.Of("a\"b\nc", "Größe, 1/2; =x"));
        Write(append: true, Records.Of("a\"b\nc", "Größe, 1/2; =x"));
        var table = CsvTable.Read(Target);
        table.Columns.Should().Contain(["loss/a\"b\nc", "cosine/a\"b\nc.Größe, 1/2; =x"]);
        table.Should().HaveCount(6);
    }

    [Fact]
    public void A_row_is_there_as_soon_as_its_step_is_made_and_the_columns_are_those_of_the_model()
    {
        using var data = Rig.Data(missing: 0.5);
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
        using var monitor = new GradientMonitor(new CsvLog(Target));
        var records = new List<StepRecord>();
        var hook = new Hook(step: (_, report) =>
        {
            records.Add(monitor.Last!);
            Lines().Should().HaveCount(1 + (int)report.Step);
        });
        trainer.Fit(data.Batches(2), options: new() { Epochs = 2, Callbacks = [monitor, hook] });
        records.Select(r => r.Losses.Count).Distinct().Should().HaveCountGreaterThan(1, "some batches lack a task");

        var table = CsvTable.Read(Target);
        table.Columns.Should().Equal(["epoch", "step", "skipped", "fault", .. records[0].Figures().Select(f => f.Name)]);
        foreach (var (row, record) in table.Zip(records))
        {
            Rig.Tasks.Select(task => row.NumberOrNull($"loss/{task}"))
                .Should().Equal(Rig.Tasks.Select(task => record.Losses.TryGetValue(task, out var loss) ? (double?)loss : null));
            Rig.Tasks.Select(task => row.NumberOrNull($"norm/{task}") is null).Should().Equal(Rig.Tasks.Select(task => !record.Losses.Contains(task)));
        }
    }

    [Fact]
    public void Loss_rungs_have_the_same_columns()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        using var monitor = new GradientMonitor(new CsvLog(Target));
        trainer.Fit(data.Batches(4), options: new() { Epochs = 1, Callbacks = [monitor] });
        var table = CsvTable.Read(Target);
        table.Should().HaveCount(3).And.OnlyContain(r => r.Number("weight/a") == 1 && r.NumberOrNull("cosine/a.b") == null && r.NumberOrNull("stationarity") == null);
    }

    [Fact]
    public void A_resumed_run_goes_on_below_and_a_torn_row_is_cut_off()
    {
        Write(append: true, Records.Of());
        File.AppendAllText(Target, "1,2,fal");
        Write(append: true, Records.Of());
        CsvTable.Read(Target).Select(r => r.Number("step")).Should().Equal(1, 2, 2, 1, 2, 2);
        Lines().Count(l => l.StartsWith("epoch", StringComparison.Ordinal)).Should().Be(1);
        Write(append: false, Records.Of());
        CsvTable.Read(Target).Should().HaveCount(3);
    }

    [Fact]
    public void A_file_with_other_columns_is_left_as_it_was()
    {
        Write(append: false, Records.Of());
        var before = Lines();
        FluentActions.Invoking(() => Write(append: true, Records.Of("age", "sex")))
            .Should().Throw<InvalidOperationException>().WithMessage("*run.csv*loss/sex*Found*loss/income*");
        FluentActions.Invoking(() => Write(append: true, [Records.Of()[0] with { Pairs = false }])).Should().Throw<InvalidOperationException>();
        Lines().Should().Equal(before);
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_refused_at_once() =>
        FluentActions.Invoking(() => new CsvLog(directory.File("none/run.csv"))).Should().Throw<IOException>();

    private void Write(bool append, StepRecord[] records)
    {
        using var log = new CsvLog(Target, append);
        foreach (var record in records)
        {
            log.Write(record);
        }
    }

    private string[] Lines()
    {
        using var reader = new StreamReader(new FileStream(Target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
