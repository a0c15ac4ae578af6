using FluentAssertions;
using MultiTask.Metrics;
using MultiTask.Tasks;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Tasks;

/// <summary>A kind and a metric of one's own: what a user writes, and what comes by itself.</summary>
public class OwnKindTests
{
    private static readonly Tensor Output = tensor(new[] { 0.5, 1, -1 }).requires_grad_();
    private static readonly Tensor Target = tensor(new[] { 1, double.NaN, 2 });

    [Fact]
    public void Missing_labels_weights_and_averaging_come_by_themselves()
    {
        var task = new Counts("visits", nn.Identity());
        double first = Math.Exp(0.5) - 0.5, last = Math.Exp(-1) + 2;
        task.Loss(Output, Target)!.ToDouble().Should().BeApproximately((first + last) / 2, 1e-12);
        task.Loss(Output, Target, tensor(new[] { 3.0, 1, 1 }))!.ToDouble().Should().BeApproximately(((3 * first) + last) / 4, 1e-12);
        FluentActions.Invoking(() => task.Loss(Output, ones(3, 2))).Should().Throw<ArgumentException>()
            .WithMessage("Task 'visits': output and targets should have the same shape. Found 1 and 2 dimensions.");
    }

    [Fact]
    public void A_metric_is_what_one_label_measures()
    {
        var metric = new Counts("visits", nn.Identity()).CreateMetrics()[0];
        metric.Update(Output, Target);
        metric.Compute().Should().BeApproximately((Math.Abs(Math.Exp(0.5) - 1) + Math.Abs(Math.Exp(-1) - 2)) / 2, 1e-12);
    }

    /// <summary>Counts with a logarithmic link: the Poisson loss.</summary>
    private sealed class Counts(string name, nn.Module<Tensor, Tensor> head) : LearningTask(name, head)
    {
        public override Likelihood Likelihood => Likelihood.Categorical;

        public override IReadOnlyList<Metric> CreateMetrics() => [new CountError()];

        protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target) => output.dim() == target.dim()
            ? (output, target)
            : throw Mismatch("output and targets should have the same shape", $"{output.dim()} and {target.dim()} dimensions");

        protected override Tensor LabelLosses(PresentLabels labels, nn.Reduction reduction) =>
            nn.functional.poisson_nll_loss(labels.Output, labels.Target, reduction: reduction);
    }

    private sealed class CountError : MeanMetric
    {
        public override string Name => "count_error";

        public override bool HigherIsBetter => false;

        protected override Tensor Align(Tensor output, Tensor target) => output.detach();

        protected override Tensor Measure(PresentLabels labels) => labels.Output.exp().sub(labels.Target).abs();
    }
}
