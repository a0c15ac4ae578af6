using System.Text.Json;
using FluentAssertions;
using MultiTask.Training;

namespace MultiTask.Tests;

public sealed class TaskMapJsonTests
{
    [Fact]
    public void A_map_is_an_object()
    {
        TaskMap<double> map = [("age", 0.1), ("income", -1.5), ("Größe \"x\"", 1e-300)];
        var json = JsonSerializer.Serialize(map);
        json.Should().StartWith("{\"age\":0.1,\"income\":-1.5,");
        JsonSerializer.Deserialize<TaskMap<double>>(json).Should().Equal(map);
    }

    [Fact]
    public void Order_is_kept()
    {
        var map = TaskMap.Create(Enumerable.Range(0, 50).Select(i => ($"t{(i * 37) % 50}", i)));
        JsonSerializer.Deserialize<TaskMap<int>>(JsonSerializer.Serialize(map)).Should().Equal(map);
        JsonSerializer.Deserialize<TaskMap<int>>("{}").Should().BeEmpty();
    }

    [Fact]
    public void Numbers_that_are_none_come_back_in_a_checkpoint()
    {
        TaskMap<double> map = [("a", double.NaN), ("b", double.NegativeInfinity), ("c", 0.1 + 0.2)];
        var json = JsonSerializer.Serialize(map, CheckpointManifest.Json);
        JsonSerializer.Deserialize<TaskMap<double>>(json, CheckpointManifest.Json).Should().Equal(map);
    }

    [Fact]
    public void An_epoch_s_report_comes_back()
    {
        TaskMap<TaskReport> tasks = [("a", new(0.25, 3, [new("rmse", double.NaN, false)])), ("b", new(double.PositiveInfinity, 0, []))];
        var report = new EpochReport(3, 12, new(tasks, 1 / 3.0), new([], double.NaN), 0.1, 2, double.NaN, true, TimeSpan.FromSeconds(1.5));
        var json = JsonSerializer.Serialize(report, CheckpointManifest.Json);
        var back = JsonSerializer.Deserialize<EpochReport>(json, CheckpointManifest.Json)!;
        JsonSerializer.Serialize(back, CheckpointManifest.Json).Should().Be(json);
        back.Train["a"]["rmse"].Should().Be(double.NaN);
        back.Train.TotalLoss.Should().Be(1 / 3.0);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("{\"a\":\"x\"}")]
    public void What_is_no_map_is_refused(string json) =>
        FluentActions.Invoking(() => JsonSerializer.Deserialize<TaskMap<double>>(json)).Should().Throw<JsonException>();

    [Fact]
    public void Names_keep_their_rules() =>
        FluentActions.Invoking(() => JsonSerializer.Deserialize<TaskMap<double>>("{\"a.b\":1}")).Should().Throw<ArgumentException>().WithMessage("*dot*");
}
