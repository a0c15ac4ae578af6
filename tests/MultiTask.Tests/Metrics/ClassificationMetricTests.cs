using FluentAssertions;
using MultiTask.Metrics;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Metrics;

/// <summary>Against scikit-learn 1.2.1, <c>zero_division=0</c>, and <c>sample_weight</c> where weighted.</summary>
public class ClassificationMetricTests
{
    private static readonly Tensor YesNo = tensor(new long[] { 1, 0, 1, 1, 0, 0, 1, 0 });
    private static readonly Tensor Logits = tensor(new[] { 2, -1, 0.5, -0.5, 0.5, -2, 0.5, 1.5 });
    private static readonly Tensor YesNoWeights = tensor(new[] { 1, 2, 1, 0.5, 1, 1, 3, 2 });

    /// <summary>Class 3 is answered once and never a label; class 4 is neither, and does not count.</summary>
    private static readonly Tensor Classes = tensor(new long[] { 0, 1, 2, 2, 1, 0, 2, 0 });
    private static readonly Tensor Scores = tensor(
        new[]
        {
            2, 1, 0, 0, -1, 0.5, 1.5, 0, 0, -1, 0, 0, 1, 0.5, -1, 1, 0, 0.5, 0, -1,
            0, 2, 1, 0, -1, 0, 0, 0.25, 1.25, -1, 0, 1, 3, 0, -1, 1, 0.5, 0, 0, -1,
        },
        8,
        5);

    private static readonly Tensor ClassesWeights = tensor(new[] { 1, 0.5, 2, 1, 1, 3, 1, 0.25 });

    /// <summary>Label 2 is never yes, and once answered so is not: its figures are 0 / 0, which is 0.</summary>
    private static readonly Tensor Labels = tensor(new long[] { 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0 }, 5, 3);
    private static readonly Tensor LabelLogits = tensor(new[] { 1.5, -0.5, -1, 0.5, 2, -2, -0.5, 1, -1, 0.5, 0.25, -3, 2, -1, -0.5 }, 5, 3);
    private static readonly Tensor LabelWeights = tensor(new[] { 1, 2, 0.5, 1, 1.5 });

    public static TheoryData<Metric, double, double> Binary => new()
    {
        { new Accuracy(), 0.625, 0.6956521739130435 },
        { new F1(Averaging.Binary), 0.6666666666666665, 0.7407407407407406 },
        { new F1(Averaging.Macro), 0.6190476190476191, 0.6861598440545809 },
        { new F1(Averaging.Micro), 0.625, 0.6956521739130435 },
        { new Precision(Averaging.Binary), 0.6, 0.625 },
        { new Recall(Averaging.Binary), 0.75, 0.9090909090909091 },
        { new RocAuc(), 0.6875, 0.6515151515151515 },
        { new AveragePrecision(), 0.7166666666666667, 0.6951871657754012 },
        { new LogLoss(), 0.6456048655384183, 0.664402553572042 },
    };

    public static TheoryData<Metric, double, double> MultiClass => new()
    {
        { new Accuracy(), 0.75, 0.5897435897435898 },
        { new F1(Averaging.Macro), 0.6166666666666667, 0.5604395604395604 },
        { new F1(Averaging.Micro), 0.75, 0.5897435897435898 },
        { new Precision(Averaging.Macro), 0.6666666666666666, 0.6388888888888888 },
        { new Precision(Averaging.Micro), 0.75, 0.5897435897435898 },
        { new Recall(Averaging.Macro), 0.5833333333333333, 0.5110294117647058 },
        { new Recall(Averaging.Micro), 0.75, 0.5897435897435898 },
        { new LogLoss(), 0.8876252505047229, 1.1220461250868266 },
        { new Perplexity(), 2.4293536893253496, 3.071131698445855 },
    };

    public static TheoryData<Metric, double, double> MultiLabel => new()
    {
        { new Accuracy(), 0.7333333333333333, 0.75 },
        { new F1(Averaging.Macro), 0.45714285714285713, 0.4738562091503267 },
        { new F1(Averaging.Micro), 0.6666666666666666, 0.6896551724137931 },
        { new Precision(Averaging.Macro), 0.38888888888888884, 0.3896103896103896 },
        { new Precision(Averaging.Micro), 0.5714285714285714, 0.5555555555555556 },
        { new Recall(Averaging.Macro), 0.5555555555555555, 0.6111111111111112 },
        { new Recall(Averaging.Micro), 0.8, 0.9090909090909091 },
        { new RocAuc(), 0.8333333333333333, 0.9166666666666667 },
        { new AveragePrecision(), 0.9333333333333333, 0.9583333333333334 },
        { new LogLoss(), 0.43867705023584525, 0.41471788453145036 },
    };

    [Theory, MemberData(nameof(Binary))]
    public void Yes_or_no(Metric metric, double plain, double weighted)
    {
        Value(metric, Logits, YesNo).Should().BeApproximately(plain, 1e-12);
        Value(metric, Logits.unsqueeze(1), YesNo.to_type(ScalarType.Bool), YesNoWeights).Should().BeApproximately(weighted, 1e-12);
        Value(metric, Logits, YesNo.to_type(ScalarType.Float32), YesNoWeights).Should().BeApproximately(weighted, 1e-12);
    }

    [Theory, MemberData(nameof(MultiClass))]
    public void One_of_several(Metric metric, double plain, double weighted)
    {
        Value(metric, Scores, Classes).Should().BeApproximately(plain, 1e-12);
        Value(metric, Scores, Classes, ClassesWeights).Should().BeApproximately(weighted, 1e-12);
        Value(metric, Scores.reshape(4, 2, 5), Classes.reshape(4, 2)).Should().BeApproximately(plain, 1e-12, "tokens are labels of their own");
    }

    [Fact]
    public void Classes_are_ranked_one_against_the_rest()
    {
        var scores = Scores[.., ..3];
        Value(new RocAuc(), scores, Classes).Should().BeApproximately(0.9444444444444443, 1e-12);
        Value(new RocAuc(), scores, Classes, ClassesWeights).Should().BeApproximately(0.9119584592730372, 1e-12);
        Value(new AveragePrecision(), scores, Classes).Should().BeApproximately(0.9074074074074074, 1e-12);
        Value(new AveragePrecision(), scores, Classes, ClassesWeights).Should().BeApproximately(0.9107531901649549, 1e-12);
        Value(new LogLoss(), scores, Classes, ClassesWeights).Should().BeApproximately(0.7423260153847226, 1e-12);
    }

    [Theory, MemberData(nameof(MultiLabel))]
    public void Several_labels(Metric metric, double plain, double weighted)
    {
        Value(metric, LabelLogits, Labels).Should().BeApproximately(plain, 1e-12);
        Value(metric, LabelLogits, Labels, LabelWeights).Should().BeApproximately(weighted, 1e-12);
    }

    [Fact]
    public void Missing_entries_are_missing_from_their_label_only()
    {
        var labels = Labels.clone();
        labels[0, 1] = MissingLabels.Class;
        labels[3, 0] = MissingLabels.Class;
        Value(new F1(Averaging.Macro), LabelLogits, labels).Should().BeApproximately(0.48888888888888893, 1e-12);
        Value(new RocAuc(), LabelLogits, labels).Should().BeApproximately(0.8333333333333333, 1e-12);
        Value(new Accuracy(), LabelLogits, labels).Should().BeApproximately(0.7692307692307693, 1e-12);
        labels[.., 2] = MissingLabels.Class;
        Value(new F1(Averaging.Macro), LabelLogits, labels).Should().BeApproximately(0.48888888888888893 * 3 / 2, 1e-12, "a label that is never present does not count");
    }

    [Fact]
    public void Classes_of_dense_outputs_lie_where_they_are_said_to_lie()
    {
        var scores = arange(48, ScalarType.Float64).sin().reshape(2, 3, 2, 4);
        var classes = arange(16, ScalarType.Int64).remainder(3).reshape(2, 2, 4);
        var expected = scores.argmax(1).eq(classes).to_type(ScalarType.Float64).mean().ToDouble();
        Value(new Accuracy(classDimension: 1), scores, classes).Should().BeApproximately(expected, 1e-12);
        Value(new Accuracy(), scores.movedim([1], [-1]), classes).Should().BeApproximately(expected, 1e-12);
        FluentActions.Invoking(() => Value(new Accuracy(), scores, classes)).Should().Throw<ArgumentException>()
            .WithMessage("Metric 'accuracy': * each class along dimension -1. Found output [2, 3, 2, 4] and targets [2, 2, 4].");
    }

    [Fact]
    public void Ranks_need_both_kinds_of_label()
    {
        var logits = tensor(new[] { 1.0, 2 });
        Value(new RocAuc(), logits, ones(2)).Should().Be(double.NaN);
        Value(new RocAuc(), logits, zeros(2)).Should().Be(double.NaN);
        Value(new AveragePrecision(), logits, zeros(2)).Should().Be(double.NaN);
        Value(new AveragePrecision(), logits, ones(2)).Should().Be(1);
    }

    [Fact]
    public void Ties_are_worth_one_half()
    {
        Value(new RocAuc(), zeros(4), tensor(new[] { true, false, true, true })).Should().Be(0.5);
        Value(new AveragePrecision(), zeros(4), tensor(new[] { true, false, true, true })).Should().Be(0.75);
        Value(new RocAuc(), full(4, double.NaN), tensor(new[] { true, false, true, false })).Should().Be(0.5, "a network that diverged ranks nothing");
    }

    [Fact]
    public void Soft_labels_have_a_log_loss() =>
        Value(new LogLoss(), tensor(new[] { -1, 2, 0.3 }), tensor(new[] { 0.2, 0.9, 0.5 })).Should().BeApproximately(0.5148483143432407, 1e-12);

    [Fact]
    public void Log_loss_is_stable_far_out()
    {
        Value(new LogLoss(), tensor(new[] { 1000f }), tensor(new[] { false })).Should().Be(1000);
        Value(new LogLoss(), tensor(new[] { 1000f, 0, -1000 }, 1, 3), tensor(new long[] { 2 })).Should().Be(2000);
        Value(new LogLoss(), tensor(new[] { 4f, 4 }, 1, 2).to_type(ScalarType.BFloat16), tensor(new long[] { 1 })).Should().BeApproximately(Math.Log(2), 1e-6);
    }

    [Fact]
    public void Nothing_found_and_nothing_to_find_is_zero()
    {
        Value(new F1(Averaging.Binary), full(3, -1), zeros(3)).Should().Be(0);
        Value(new Precision(Averaging.Binary), full(3, -1), ones(3)).Should().Be(0);
    }

    [Fact]
    public void Two_classes_have_a_positive_one_and_three_have_not()
    {
        Value(new F1(Averaging.Binary), stack([zeros_like(Logits), Logits], 1), YesNo).Should().BeApproximately(0.6666666666666665, 1e-12);
        FluentActions.Invoking(() => Value(new F1(Averaging.Binary), Scores, Classes)).Should().Throw<ArgumentException>()
            .WithMessage("Metric 'f1': of more than two classes the average should be macro or micro. Found 5 classes and Binary.");
    }

    [Theory, InlineData(5), InlineData(-1)]
    public void A_class_out_of_range_is_an_error_and_leaves_no_trace(long label)
    {
        var metric = new F1(Averaging.Macro);
        FluentActions.Invoking(() => metric.Update(Scores[..2], tensor(new[] { 0, label }))).Should().Throw<ArgumentException>()
            .WithMessage($"Metric 'f1_macro': classes should be from 0 to 4. Found {label}.");
        metric.Compute().Should().Be(double.NaN);
    }

    [Fact]
    public void Names_say_the_average() => new[] { new F1(Averaging.Binary), new F1(Averaging.Macro), new F1(Averaging.Micro) }
        .Select(m => m.Name).Should().Equal("f1", "f1_macro", "f1_micro");

    private static double Value(Metric metric, Tensor output, Tensor target, Tensor? weights = null)
    {
        metric.Reset();
        metric.Update(output, target, weights);
        return metric.Compute();
    }
}
