using FluentAssertions;
using MultiTask.Metrics;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

/// <summary>Token tagging and language modelling.</summary>
public class SequenceTaskTests
{
    private static readonly Tensor Output = tensor(
        new[] { 0.5, 0, 1, 0, 1, 0, 0, 2, -1, 9, 9, 9, 1, 0.5, 0, 0, 0, 9, 7, 0, 0, 0, 0, 7 }, 2, 4, 3);

    private static readonly Tensor Tokens = tensor(new long[] { 0, 2, 1, 1, 2, 0, -100, -100 }, 2, 4);

    [Fact]
    public void Tagging_is_the_mean_over_tokens()
    {
        var expected = functional.cross_entropy(Output.reshape(8, 3), Tokens.reshape(8), tensor(new[] { 1.0, 2, 3 }), label_smoothing: 0.2).ToDouble();
        var task = LearningTask.TokenTagging("pos", Identity(), [1, 2, 3], 0.2);
        task.Loss(Output, Tokens)!.ToDouble().Should().BeApproximately(expected, 1e-12);
        task.CountLabels(Tokens).Should().Be(6);
    }

    [Fact]
    public void Tagging_names_bad_targets()
    {
        var task = LearningTask.TokenTagging("pos", Identity());
        FluentActions.Invoking(() => task.Check(Output, Tokens[.., ..3])).Should().Throw<ArgumentException>()
            .WithMessage("Task 'pos': output and targets should have shapes [n, t, C] and [n, t]. Found output [2, 4, 3] (Float64) and targets [2, 3].");
        FluentActions.Invoking(() => task.Check(Output[0], Tokens[0])).Should().Throw<ArgumentException>().WithMessage("Task 'pos': *Found output [4, 3] and targets [4].");
        FluentActions.Invoking(() => task.Loss(Output, Tokens.add(1))).Should().Throw<ArgumentException>()
            .WithMessage("Task 'pos': classes should be from 0 to 2, or -100 where missing. Found 3 at [0, 1].");
    }

    /// <summary>Output i answers for token i + 1: four labels here; computed with scipy's log_softmax.</summary>
    [Fact]
    public void Language_modelling_predicts_the_next_token()
    {
        var task = LearningTask.LanguageModeling("lm", Identity());
        task.Check(Output, Tokens);
        task.CountLabels(Tokens).Should().Be(4);
        task.Loss(Output, Tokens)!.ToDouble().Should().BeApproximately(0.5204575186929514, 1e-12);
        var metrics = task.CreateMetrics();
        foreach (var metric in metrics)
        {
            metric.Update(Output, Tokens);
        }

        metrics.Select(m => m.Name).Should().Equal("perplexity", "accuracy");
        metrics[0].Compute().Should().BeApproximately(1.6827973848613704, 1e-12);
        metrics[1].Compute().Should().Be(1);
    }

    [Fact]
    public void A_sequence_of_one_token_has_nothing_to_predict()
    {
        var task = LearningTask.LanguageModeling("lm", Identity());
        task.Loss(Output[.., ..1], Tokens[.., ..1]).Should().BeNull();
        task.CountLabels(Tokens[.., ..1]).Should().Be(0);
        var metric = new NextToken(new Perplexity());
        metric.Update(Output[.., ..1], Tokens[.., ..1]);
        metric.Compute().Should().Be(double.NaN);
    }

    [Fact]
    public void Language_modelling_names_bad_targets()
    {
        var task = LearningTask.LanguageModeling("lm", Identity());
        FluentActions.Invoking(() => task.Check(Output, Tokens.to_type(ScalarType.Int32))).Should().Throw<ArgumentException>().WithMessage("Task 'lm': *Int64*Found Int32.");
        FluentActions.Invoking(() => task.Check(Output, Tokens[0])).Should().Throw<ArgumentException>().WithMessage("Task 'lm': *Found output [2, 4, 3] and targets [4].");
        FluentActions.Invoking(() => task.Loss(Output, full([2, 4], 5L))).Should().Throw<ArgumentException>().WithMessage("Task 'lm': classes should be from 0 to 2*Found 5 at [0, 0].");
    }
}
