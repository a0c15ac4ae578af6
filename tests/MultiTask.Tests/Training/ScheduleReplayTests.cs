using System.Text.Json;
using FluentAssertions;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;
using static TorchSharp.torch.optim.lr_scheduler;

namespace MultiTask.Tests.Training;

public sealed class ScheduleReplayTests : IDisposable
{
    private const int Steps = 30;

    private static readonly Dictionary<string, Func<Optimizer, LRScheduler>> Schedules = new()
    {
        ["StepLR"] = o => StepLR(o, 4, 0.7),
        ["MultiStepLR"] = o => MultiStepLR(o, [3, 8, 21], 0.3),
        ["ExponentialLR"] = o => ExponentialLR(o, 0.93),
        ["PolynomialLR"] = o => PolynomialLR(o, 20, 2),
        ["ConstantLR"] = o => ConstantLR(o, 0.3, 11),
        ["LinearLR"] = o => LinearLR(o, 0.2, 1, 9),
        ["CosineAnnealingLR"] = o => CosineAnnealingLR(o, 12, 0.001),
        ["OneCycleLR"] = o => OneCycleLR(o, 0.5, total_steps: Steps + 1),
        ["CyclicLR"] = o => CyclicLR(o, 0.01, 0.2, 4, 3),
        ["LambdaLR"] = o => LambdaLR(o, epoch => 1 / (1 + (0.3 * epoch))),
        ["MultiplicativeLR"] = o => MultiplicativeLR(o, epoch => 0.9 + (0.001 * epoch)),
        ["SequentialLR"] = o => SequentialLR(o, [LinearLR(o, 0.1, 1, 5), CosineAnnealingLR(o, 10), ExponentialLR(o, 0.8)], [5, 15]),
        ["ChainedLR"] = o => ChainedLR([StepLR(o, 3, 0.9), ExponentialLR(o, 0.97)]),
        ["ReduceLROnPlateau"] = o => ReduceLROnPlateau(o, factor: 0.5, patience: 1, cooldown: 2, threshold: 0.05),
    };

    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Names => [.. Schedules.Keys];

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_schedule_that_is_replayed_goes_on_like_one_that_was_not_interrupted(string name)
    {
        for (var before = 0; before < Steps; before += 3)
        {
            using var whole = NewOptimizer();
            var expected = new ScheduleReplay(Schedules[name](whole));
            using var first = NewOptimizer();
            var interrupted = new ScheduleReplay(Schedules[name](first));
            for (var step = 0; step < before; step++)
            {
                expected.Step(Metric(step));
                interrupted.Step(Metric(step));
            }

            using var second = NewOptimizer();
            var resumed = new ScheduleReplay(Schedules[name](second));
            resumed.Replay(ThroughJson(interrupted.History));
            Copy(first, second);

            Options(second).Should().Equal(Options(first));
            for (var step = before; step < Steps; step++)
            {
                expected.Step(Metric(step));
                resumed.Step(Metric(step));
                Options(second).Should().Equal(Options(whole), $"step {step} after a stop at {before}");
            }

            resumed.History.Runs.Should().Equal(expected.History.Runs);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_schedule_is_not_constant(string name)
    {
        using var optimizer = NewOptimizer();
        var schedule = new ScheduleReplay(Schedules[name](optimizer));
        HashSet<double> rates = [];
        for (var step = 0; step < Steps; step++)
        {
            schedule.Step(Metric(step));
            rates.Add(optimizer.ParamGroups.First().LearningRate);
        }

        rates.Count.Should().BeGreaterThan(1, "otherwise the test above shows nothing");
    }

    [Fact]
    public void A_rate_that_someone_else_set_survives()
    {
        using var first = NewOptimizer();
        var schedule = new ScheduleReplay(StepLR(first, 4, 0.5));
        schedule.Step();
        first.ParamGroups.First().LearningRate = 0.777;
        using var second = NewOptimizer();
        var resumed = new ScheduleReplay(StepLR(second, 4, 0.5));

        resumed.Replay(schedule.History);
        Copy(first, second);
        for (var step = 0; step < 3; step++)
        {
            resumed.Step();
        }

        second.ParamGroups.First().LearningRate.Should().Be(0.777 * 0.5);
    }

    [Fact]
    public void Many_equal_steps_take_little_room()
    {
        using var optimizer = NewOptimizer();
        var schedule = new ScheduleReplay(ExponentialLR(optimizer, 0.999));
        for (var step = 0; step < 10_000; step++)
        {
            schedule.Step();
        }

        schedule.History.Runs.Should().Equal(new ScheduleRun(null, 10_000));
    }

    [Fact]
    public void Metrics_that_are_no_number_are_kept()
    {
        using var optimizer = NewOptimizer();
        var schedule = new ScheduleReplay(ReduceLROnPlateau(optimizer));
        schedule.Step(double.NaN);
        schedule.Step(double.NaN);
        schedule.Step(double.PositiveInfinity);

        ThroughJson(schedule.History).Runs.Should().Equal(new ScheduleRun(double.NaN, 2), new ScheduleRun(double.PositiveInfinity, 1));
    }

    [Fact]
    public void A_plateau_needs_a_metric()
    {
        using var optimizer = NewOptimizer();
        var schedule = new ScheduleReplay(ReduceLROnPlateau(optimizer));

        var step = () => schedule.Step();

        schedule.NeedsMetric.Should().BeTrue();
        step.Should().Throw<ArgumentException>().WithMessage("*needs a metric*");
        schedule.History.Runs.Should().BeEmpty("a step that failed is not one");
    }

    [Fact]
    public void A_history_of_another_schedule_is_refused()
    {
        using var optimizer = NewOptimizer();
        var step = new ScheduleReplay(StepLR(optimizer, 4));
        var cosine = new ScheduleReplay(CosineAnnealingLR(optimizer, 4));

        var replay = () => cosine.Replay(step.History);

        replay.Should().Throw<InvalidDataException>().WithMessage("*should be CosineAnnealingLR. Found StepLR.");
    }

    [Fact]
    public void A_history_needs_a_fresh_scheduler()
    {
        using var optimizer = NewOptimizer();
        var schedule = new ScheduleReplay(StepLR(optimizer, 4));
        schedule.Step();

        var replay = () => schedule.Replay(schedule.History);

        replay.Should().Throw<InvalidOperationException>().WithMessage("*fresh*");
    }

    private static double Metric(int step) => 1 + (0.3 * Math.Sin(step)) - (0.01 * step);

    private static SGD NewOptimizer() => new((SGD.ParamGroup[])[new([new Parameter(ones(1))], 0.1, 0.9), new([new Parameter(ones(2))], 0.03, 0.8)], 0.1);

    private static ScheduleHistory ThroughJson(ScheduleHistory history) =>
        JsonSerializer.Deserialize<ScheduleHistory>(JsonSerializer.Serialize(history, CheckpointManifest.Json), CheckpointManifest.Json)!;

    private static void Copy(Optimizer from, Optimizer to)
    {
        using var stream = new MemoryStream();
        MultiTask.Training.OptimizerState.Save(from, stream);
        stream.Position = 0;
        using var state = MultiTask.Training.OptimizerState.Read(stream, stream.Length, "the file");
        state.Restore(to);
    }

    private static IEnumerable<(double, double, double)> Options(Optimizer optimizer) =>
        optimizer.ParamGroups.Select(g => (g.LearningRate, g.InitialLearningRate, ((IMomentum)g).Momentum)).ToList();
}
