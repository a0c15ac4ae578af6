using FluentAssertions;
using MultiTask.Metrics;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Metrics;

/// <summary>What holds for every metric.</summary>
public class MetricContractTests
{
    private static readonly long[] Repeats = [1, 3, 2, 0, 1, 2, 1, 1];

    public static TheoryData<string> Metrics => [.. MetricSample.Names];

    [Fact]
    public void Every_metric_is_sealed_and_sampled()
    {
        var metrics = typeof(Metric).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Metric)) && !t.IsAbstract).ToList();
        metrics.Should().OnlyContain(t => t.IsSealed);
        metrics.Should().BeSubsetOf(MetricSample.Names.Select(n => MetricSample.Of(n).Create().GetType()));
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Any_split_into_batches_gives_the_same_value(string name)
    {
        var s = MetricSample.Of(name);
        var weights = tensor(Repeats).to_type(ScalarType.Float64);
        foreach (var w in new[] { null, weights })
        {
            var whole = Value(s, m => m.Update(s.Output, s.Target, w));
            whole.Should().NotBe(double.NaN);
            foreach (var cuts in new int[][] { [0, 3, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 7, 8] })
            {
                Value(s, m =>
                {
                    foreach (var (from, to) in cuts.Zip(cuts[1..]))
                    {
                        m.Update(s.Output[from..to], s.Target[from..to], w?[from..to]);
                    }
                }).Should().BeApproximately(whole, 1e-12);
            }
        }
    }

    [Theory, MemberData(nameof(Metrics))]
    public void The_order_of_samples_does_not_matter(string name)
    {
        var s = MetricSample.Of(name);
        var shuffled = tensor(new long[] { 5, 2, 7, 0, 1, 6, 4, 3 });
        Value(s, m => m.Update(s.Output[shuffled], s.Target[shuffled])).Should().BeApproximately(Value(s), 1e-12);
    }

    [Theory, MemberData(nameof(Metrics))]
    public void A_weight_is_a_number_of_repetitions(string name)
    {
        var s = MetricSample.Of(name);
        var repeats = tensor(Repeats);
        var repeated = Value(s, m => m.Update(s.Output.repeat_interleave(repeats, 0), s.Target.repeat_interleave(repeats, 0)));
        Value(s, m => m.Update(s.Output, s.Target, repeats.to_type(ScalarType.Float32))).Should().BeApproximately(repeated, 1e-12);
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Samples_without_labels_are_passed_over(string name)
    {
        var s = MetricSample.Of(name);
        var wild = full_like(s.Output, double.NaN);
        Value(s, m =>
        {
            m.Update(wild, s.NoLabels());
            m.Update(s.Output, s.Target);
            m.Update(wild, s.NoLabels(), ones(8));
        }).Should().BeApproximately(Value(s), 1e-12);
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Nothing_seen_is_not_a_number(string name)
    {
        var s = MetricSample.Of(name);
        s.Create().Compute().Should().Be(double.NaN);
        Value(s, m => m.Update(s.Output, s.NoLabels())).Should().Be(double.NaN);
        Value(s, m => m.Update(s.Output, s.Target, zeros(8))).Should().Be(double.NaN);
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Reset_forgets_all(string name)
    {
        var s = MetricSample.Of(name);
        var metric = s.Create();
        metric.Update(s.Output.neg(), s.Target);
        metric.Compute();
        metric.Reset();
        metric.Compute().Should().Be(double.NaN);
        metric.Update(s.Output, s.Target);
        metric.Compute().Should().Be(Value(s));
        metric.Compute().Should().Be(Value(s), "computing changes nothing");
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Float32_will_do(string name)
    {
        var s = MetricSample.Of(name);
        Value(s, m => m.Update(s.Output.to_type(ScalarType.Float32), s.Target)).Should().BeApproximately(Value(s), 1e-5);
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Arguments_are_left_alone_and_no_tensor_is_left_behind(string name)
    {
        using var outer = NewDisposeScope();
        var s = MetricSample.Of(name);
        var (output, target, weights) = (s.Output.clone().requires_grad_(), s.Target.clone(), ones(8));
        var metric = s.Create();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        metric.Update(output, target);
        metric.Update(output, target, weights);
        metric.Compute();
        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
        output.requires_grad.Should().BeTrue();
        target.to_type(ScalarType.Float64).allclose(s.Target.to_type(ScalarType.Float64), equal_nan: true).Should().BeTrue();
    }

    [Theory, MemberData(nameof(Metrics))]
    public void Errors_name_the_metric_and_what_was_found(string name)
    {
        var s = MetricSample.Of(name);
        var metric = s.Create();
        FluentActions.Invoking(() => metric.Update(s.Output, s.Target[..5])).Should().Throw<ArgumentException>()
            .WithMessage($"Metric '{metric.Name}': outputs should have *. Found output [8*] and targets [5*].");
        FluentActions.Invoking(() => metric.Update(s.Output, s.Target, ones(5))).Should().Throw<ArgumentException>()
            .WithMessage($"Metric '{metric.Name}': sample weights should have shape [8]. Found shape [5].");
        metric.Compute().Should().Be(double.NaN, "a refused batch leaves no trace");
    }

    private static double Value(MetricSample sample, Action<Metric>? updates = null)
    {
        var metric = sample.Create();
        (updates ?? (m => m.Update(sample.Output, sample.Target)))(metric);
        return metric.Compute();
    }
}
