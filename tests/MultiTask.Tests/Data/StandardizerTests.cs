using FluentAssertions;
using MultiTask.Data;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

public class StandardizerTests
{
    [Fact]
    public void Columns_get_mean_0_and_deviation_1()
    {
        using var scope = NewDisposeScope();
        var x = (randn(100, 3) * tensor(new[] { 1f, 100f, 0.01f })) + tensor(new[] { 5f, -3000f, 0f });
        using var data = new MultiTaskDataset([x, ones(100, 2, dtype: ScalarType.Int64)], [("age", (randn(100) * 20) + 40), ("sex", ones(100))]);
        var scale = Standardizer.Fit(data, "age");
        using var scaled = scale.Apply(data);
        scaled.Inputs[0].mean([0]).abs().max().item<float>().Should().BeLessThan(1e-4f);
        (scaled.Inputs[0].std(0, unbiased: false) - 1).abs().max().item<float>().Should().BeLessThan(1e-4f);
        scaled.Inputs[1].Equals(data.Inputs[1]).Should().BeTrue("integers are left alone");
        scaled.Targets["age"].mean().abs().item<float>().Should().BeLessThan(1e-5f);
        scaled.Targets["sex"].Equals(data.Targets["sex"]).Should().BeTrue("the task was not named");
        scale.Inputs[1].Should().BeNull();
    }

    [Fact]
    public void It_knows_the_training_part_only()
    {
        using var train = MultiTaskDataset.FromArrays(new float[,] { { 1 }, { 3 } }, [("a", new float[] { 10, 30 })]);
        using var test = MultiTaskDataset.FromArrays(new float[,] { { 5 } }, [("a", new float[] { 50 })]);
        using var scaled = Standardizer.Fit(train, "a").Apply(test);
        Samples.Doubles(scaled.Inputs.Single).Should().Equal(3);
        Samples.Doubles(scaled.Targets["a"]).Should().Equal(3);
    }

    [Fact]
    public void Predictions_go_back_to_the_unit_of_the_labels()
    {
        using var data = MultiTaskDataset.FromArrays(
            new float[3, 1], [("one", new float[] { 10, 20, 30 }), ("two", new float[,] { { 1, 10 }, { 2, 20 }, { 3, 30 } })]);
        var scale = Standardizer.Fit(data, "one", "two");
        using var scaled = scale.Apply(data);
        Leaks.NoneIn(() =>
        {
            using var one = scale.Invert("one", scaled.Targets["one"]);
            using var two = scale.Invert("two", scaled.Targets["two"]);
            Samples.Doubles(one).Should().Equal(10, 20, 30);
            Samples.Doubles(two).Should().Equal(1, 10, 2, 20, 3, 30);
        });
        using var column = scaled.Targets["one"].unsqueeze(1);
        using var back = scale.Invert("one", column);
        back.shape.Should().Equal(3, 1);
        scale.Invoking(s => s.Invert("two", column)).Should().Throw<ArgumentException>().WithMessage("*'two'*[2]*Found*[3, 1]*");
        scale.Invoking(s => s.Invert("three", column)).Should().Throw<KeyNotFoundException>().WithMessage("*'three'*'one', 'two'*");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Constant_columns_become_0_and_come_back(int count)
    {
        using var x = full([count, 1], 0.1, dtype: ScalarType.Float64);
        using var y = full([count], 0.1, dtype: ScalarType.Float64);
        using var data = new MultiTaskDataset(x, [("a", y)]);
        var scale = Standardizer.Fit(data, "a");
        scale.Inputs.Single()!.Deviation.Should().Equal([0], "rounding of the mean should not count as variation");
        scale.Targets["a"].Deviation.Should().Equal(0);
        using var scaled = scale.Apply(data);
        Samples.Doubles(scaled.Inputs.Single).Should().OnlyContain(v => Math.Abs(v) < 1e-15);
        using var back = scale.Invert("a", scaled.Targets["a"]);
        Samples.Doubles(back).Should().OnlyContain(v => Math.Abs(v - 0.1) < 1e-15);
    }

    [Fact]
    public void Missing_labels_are_passed_over_and_stay_missing()
    {
        using var data = MultiTaskDataset.FromArrays(
            new float[4, 1], [("a", new float?[] { null, 10, 30, null }), ("b", new double?[,] { { 1, null }, { 3, 5 }, { null, 7 }, { null, null } })]);
        var scale = Standardizer.Fit(data, "a", "b");
        scale.Targets["a"].Mean.Should().Equal(20);
        scale.Targets["a"].Deviation.Should().Equal(10);
        scale.Targets["b"].Mean.Should().Equal(2, 6);
        using var scaled = scale.Apply(data);
        Samples.Doubles(scaled.Targets["a"]).Should().Equal(double.NaN, -1, 1, double.NaN);
        Samples.Doubles(scaled.Targets["b"]).Should().Equal(-1, double.NaN, 1, -1, double.NaN, 1, double.NaN, double.NaN);
    }

    [Fact]
    public void Statistics_are_exact_where_float32_would_not_be()
    {
        var inputs = Enumerable.Range(0, 1000).Select(i => new[] { 1_000_000f + (i % 2) }).ToArray();
        using var data = MultiTaskDataset.FromArrays(inputs, [("a", new float[1000])]);
        var statistics = Standardizer.Fit(data).Inputs[0]!;
        statistics.Mean.Should().Equal(1_000_000.5);
        statistics.Deviation.Should().Equal(0.5);
    }

    [Fact]
    public void It_can_be_made_again_from_its_statistics()
    {
        using var data = Samples.Numbered(5);
        var scale = Standardizer.Fit(data, "a");
        var copy = new Standardizer(
            scale.Inputs.Select(s => new ColumnStatistics(s!.Mean, s.Deviation, s.Shape)),
            scale.Targets.Map((_, s) => new ColumnStatistics(s.Mean, s.Deviation, s.Shape)));
        using var one = scale.Apply(data);
        using var other = copy.Apply(data);
        one.Inputs.Single.Equals(other.Inputs.Single).Should().BeTrue();
    }

    [Fact]
    public void Precision_is_kept()
    {
        using var data = Samples.Numbered(5);
        using var precise = data.To(ScalarType.Float64);
        using var scaled = Standardizer.Fit(precise, "a").Apply(precise);
        scaled.Inputs.Single.dtype.Should().Be(ScalarType.Float64);
        scaled.Targets["a"].dtype.Should().Be(ScalarType.Float64);
    }

    [Fact]
    public void Bad_data_are_refused_with_what_was_found() => Leaks.NoneIn(() =>
    {
        using var scope = NewDisposeScope();
        using var missing = MultiTaskDataset.FromArrays(new[,] { { 1, float.NaN }, { 1, 2 }, { 1, float.PositiveInfinity } }, [("a", new float[3])]);
        using var good = MultiTaskDataset.FromArrays(
            new float[3, 2],
            [("a", new float[3]), ("c", new long[3]), ("n", new float?[3]), ("i", new[] { 1, float.NegativeInfinity, 1 })]);
        Refused(() => Standardizer.Fit(missing), "Input 0, column 1*Found 2 of 3*first in row 0*");
        Refused(() => Standardizer.Fit(good).Apply(missing), "Input 0, column 1*");
        Refused(() => Standardizer.Fit(good, "c"), "*'c'*floating-point*Int64*");
        Refused(() => Standardizer.Fit(good, "n"), "*'n'*Found none in column 0*");
        Refused(() => Standardizer.Fit(good, "i"), "*'i'*infinity*");
        Refused(() => Standardizer.Fit(good).Apply(Inputs.FromTensor(zeros(3, 4))), "Input 0*[2]*[3, 4]*");
        Refused(() => Standardizer.Fit(good).Apply([zeros(3, 2), zeros(3, 2)]), "*1 input tensors*Found 2*");
        Refused(() => new ColumnStatistics([1], [1], [2]), "*2 means*[2]*Found 1*");
        Refused(() => new ColumnStatistics([1], [-1], [1]), "*at least 0*");
        FluentActions.Invoking(() => Standardizer.Fit(good, "x")).Should().Throw<KeyNotFoundException>().WithMessage("*'x'*");
    });

    private static void Refused(Func<object> act, string message) => act.Should().Throw<ArgumentException>().WithMessage(message);
}
