using FluentAssertions;
using MultiTask.Tasks;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Tasks;

/// <summary>What holds for every kind of task.</summary>
public class LearningTaskContractTests
{
    public static TheoryData<string> Kinds => [.. TaskSample.Names];

    [Fact]
    public void Every_kind_is_sealed_and_sampled()
    {
        var kinds = typeof(LearningTask).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(LearningTask)) && !t.IsAbstract).ToList();
        kinds.Should().OnlyContain(t => t.IsSealed);
        kinds.Should().BeSubsetOf(TaskSample.Names.Select(n => TaskSample.Of(n).Task.GetType()));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void The_sample_passes_the_check_and_is_counted(string kind)
    {
        var s = TaskSample.Of(kind);
        s.Task.Check(s.Output, s.Target);
        s.Task.CountLabels(s.Target).Should().Be(s.Labels);
        s.Task.CountLabels(s.NoLabels()).Should().Be(0);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void The_loss_is_a_scalar_of_the_outputs_dtype(string kind)
    {
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            var s = TaskSample.Of(kind, dtype);
            using var loss = s.Task.Loss(s.Output, s.Target)!;
            loss.dim().Should().Be(0);
            loss.dtype.Should().Be(dtype);
            loss.ToDouble().Should().BeApproximately(Value(TaskSample.Of(kind)), 1e-5);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void No_label_or_no_weight_is_no_loss(string kind)
    {
        var s = TaskSample.Of(kind);
        s.Task.Loss(s.Output, s.NoLabels()).Should().BeNull();
        s.Task.Loss(s.Output, s.NoLabels(), ones(6)).Should().BeNull();
        s.Task.Loss(s.Output, s.Target, zeros(6)).Should().BeNull();
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_sample_without_labels_is_as_good_as_absent(string kind)
    {
        var s = TaskSample.Of(kind);
        var target = s.Target.clone();
        target[2] = s.NoLabels()[2];
        var others = tensor(new long[] { 0, 1, 3, 4, 5 });
        var absent = s.Task.Loss(s.Output.index_select(0, others), s.Target.index_select(0, others))!.ToDouble();
        s.Task.Loss(s.Output, target)!.ToDouble().Should().BeApproximately(absent, 1e-12);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_weight_is_a_number_of_repetitions(string kind)
    {
        var s = TaskSample.Of(kind);
        var repeats = tensor(Array.ConvertAll(TaskSample.Weights, w => (long)w));
        var repeated = s.Task.Loss(s.Output.repeat_interleave(repeats, 0), s.Target.repeat_interleave(repeats, 0))!.ToDouble();
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            s.Task.Loss(s.Output, s.Target, tensor(TaskSample.Weights, dtype))!.ToDouble().Should().BeApproximately(repeated, 1e-12);
        }

        s.Task.Loss(s.Output, s.Target, full([6], 2.5))!.ToDouble().Should().BeApproximately(Value(s), 1e-12);
    }

    /// <summary>Labels that are all present take a shorter way.</summary>
    [Theory, MemberData(nameof(Kinds))]
    public void Labels_that_are_all_present_cost_what_they_do_with_weights_of_one(string kind)
    {
        var s = TaskSample.Of(kind);
        var target = s.Target.is_floating_point() ? s.Target.nan_to_num(0) : s.Target.clamp_min(0);
        var (plain, weighted) = (Slope(null), Slope(ones(6, ScalarType.Float64)));
        plain.Loss.Should().BeApproximately(weighted.Loss, 1e-14);
        plain.Gradient.Should().Equal(weighted.Gradient, (x, y) => Math.Abs(x - y) < 1e-14);
        s.Task.Loss(s.Output[..0], target[..0]).Should().BeNull();

        (double Loss, double[] Gradient) Slope(Tensor? weights)
        {
            var output = s.Output.clone().requires_grad_();
            var loss = s.Task.Loss(output, target, weights)!;
            loss.backward();
            return (loss.ToDouble(), output.grad!.Values());
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Outputs_without_a_label_get_a_gradient_of_exactly_zero(string kind)
    {
        var s = TaskSample.Of(kind);
        s.Unanswered.any().ToBoolean().Should().BeTrue("the sample should have missing labels");
        foreach (var (weights, wild) in new[] { (false, 0), (true, 0), (false, double.NaN), (true, double.NegativeInfinity) })
        {
            var output = (wild == 0 ? s.Output.clone() : s.Output.masked_fill(s.Unanswered, wild)).requires_grad_();
            var loss = s.Task.Loss(output, s.Target, weights ? tensor(TaskSample.Weights) : null)!;
            loss.backward();
            output.grad!.isfinite().all().ToBoolean().Should().BeTrue();
            output.grad!.masked_select(s.Unanswered).count_nonzero().ToInt64().Should().Be(0);
            output.grad!.count_nonzero().ToInt64().Should().BePositive();
            loss.isfinite().ToBoolean().Should().BeTrue();
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Arguments_are_left_alone(string kind)
    {
        var s = TaskSample.Of(kind);
        var (output, target) = (s.Output.clone(), s.Target.clone());
        s.Task.Check(output, target);
        s.Task.Loss(output, target, tensor(TaskSample.Weights));
        output.allclose(s.Output).Should().BeTrue();
        target.to_type(ScalarType.Float64).allclose(s.Target.to_type(ScalarType.Float64), equal_nan: true).Should().BeTrue();
    }

    [Theory, MemberData(nameof(Kinds))]
    public void No_tensor_is_left_behind(string kind)
    {
        using var outer = NewDisposeScope();
        var s = TaskSample.Of(kind);
        var weights = tensor(TaskSample.Weights);
        var (nothing, tooShort) = (s.NoLabels(), s.Target[..5]);
        s.Output.requires_grad_();
        s.Task.Loss(s.Output, s.Target)!.Dispose(); // class weights are kept where they are used first
        Leaves(0, () => s.Task.Loss(s.Output, s.Target)!.Dispose());
        Leaves(0, () => s.Task.Loss(s.Output, s.Target, weights)!.Dispose());
        Leaves(1, () => s.Task.Loss(s.Output, s.Target));
        Leaves(0, () => s.Task.Loss(s.Output, nothing));
        Leaves(0, () => s.Task.Check(s.Output, s.Target));
        Leaves(0, () => s.Task.CountLabels(s.Target));
        Leaves(0, () => FluentActions.Invoking(() => s.Task.Check(s.Output, tooShort)).Should().Throw<ArgumentException>());
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_loss_outlives_a_scope_that_ended_inside(string kind)
    {
        var s = TaskSample.Of(kind);
        var loss = s.Task.Loss(s.Output, s.Target)!;
        loss.IsInvalid.Should().BeFalse();
        loss.ToDouble().Should().Be(Value(s));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Errors_name_the_task_and_both_shapes(string kind)
    {
        var s = TaskSample.Of(kind);
        foreach (var act in new Action[] { () => s.Task.Check(s.Output, s.Target[..5]), () => s.Task.Loss(s.Output, s.Target[..5]) })
        {
            act.Should().Throw<ArgumentException>().WithMessage("Task 't': * should *. Found *[6*[5*");
        }

        FluentActions.Invoking(() => s.Task.Loss(s.Output, s.Target, ones(5)))
            .Should().Throw<ArgumentException>().WithMessage("Task 't': sample weights should have shape [6]. Found shape [5].");
        FluentActions.Invoking(() => s.Task.Loss(s.Output, s.Target, ones(6, 1)))
            .Should().Throw<ArgumentException>().WithMessage("*shape [6]. Found shape [6, 1].");
        FluentActions.Invoking(() => s.Task.Check(s.Output, s.Target.to(DeviceType.META)))
            .Should().Throw<ArgumentException>().WithMessage("Task 't': *one device. Found cpu and meta.");
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Metrics_are_fresh_and_take_what_the_loss_takes(string kind)
    {
        var s = TaskSample.Of(kind);
        var metrics = s.Task.CreateMetrics();
        metrics.Select(m => m.Name).Should().OnlyHaveUniqueItems();
        if (s.Task is not CustomTask)
        {
            metrics.Should().NotBeEmpty();
            metrics[0].Should().NotBeSameAs(s.Task.CreateMetrics()[0]);
        }

        foreach (var metric in metrics)
        {
            metric.Update(s.Output, s.Target, tensor(TaskSample.Weights));
            metric.Compute().Should().NotBe(double.NaN, $"{metric.Name} is defined here");
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Uncertainty_knows_what_noise_is_meant(string kind) => TaskSample.Of(kind).Task.Likelihood.Should().Be(kind switch
    {
        "regression, absolute" => Likelihood.Laplace,
        "custom" or "regression" or "regression, Huber" => Likelihood.Gaussian,
        _ => Likelihood.Categorical,
    });

    private static double Value(TaskSample s) => s.Task.Loss(s.Output, s.Target)!.ToDouble();

    private static void Leaves(int expected, Action act)
    {
        using var scope = NewDisposeScope();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        act();
        (DisposeScopeManager.Statistics.ThreadTotalLiveCount - before).Should().Be(expected);
    }
}
