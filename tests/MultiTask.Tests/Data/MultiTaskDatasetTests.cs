using FluentAssertions;
using MultiTask.Data;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

public class MultiTaskDatasetTests
{
    [Fact]
    public void Tensors_of_the_caller_stay_the_callers()
    {
        using var inputs = rand(4, 2);
        using var age = rand(4);
        Leaks.NoneIn(() =>
        {
            using var data = new MultiTaskDataset(inputs, [("age", age)]);
            data.Count.Should().Be(4);
            data.Tasks.Should().Equal("age");
        });
        inputs.IsInvalid.Should().BeFalse();
        age.IsInvalid.Should().BeFalse();
    }

    [Fact]
    public void What_a_data_set_makes_outlives_scopes_and_goes_with_it() => Leaks.NoneIn(() =>
    {
        MultiTaskDataset data, subset, moved, precise;
        using (NewDisposeScope())
        {
            data = Samples.Numbered(5);
            subset = data.Subset([3, 1, 1]);
            moved = data.To(CPU);
            precise = data.To(ScalarType.Float64);
        }

        data.Dispose();
        Samples.Doubles(subset.Targets["a"]).Should().Equal(3, 1, 1);
        Samples.Doubles(moved.Targets["a"]).Should().Equal(0, 1, 2, 3, 4);
        precise.Inputs.Single.dtype.Should().Be(ScalarType.Float64);
        subset.Dispose();
        moved.Dispose();
        precise.Dispose();
        precise.Dispose();
    });

    [Fact]
    public void A_disposed_data_set_says_so()
    {
        var data = Samples.Numbered(5);
        var source = data.Batches(2);
        data.Dispose();
        data.Invoking(d => d.Targets).Should().Throw<ObjectDisposedException>();
        source.Invoking(s => s.Epoch(0).First()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Arrays_become_the_dtypes_that_networks_take()
    {
        using var data = MultiTaskDataset.FromArrays(
            new double[,] { { 1, 2 }, { 3, 4 }, { 5, 6 } },
            [
                ("number", new float?[] { 1, null, 3 }),
                ("class", new int?[] { 0, 1, null }),
                ("flag", new[] { true, false, true }),
                ("maybe", new bool?[] { true, null, false }),
                ("several", new double?[,] { { 1, null }, { 3, 4 }, { 5, 6 } }),
                ("tokens", new long[][] { [1, 2], [3, 4], [5, 6] }),
            ],
            [("class", new[] { 1, 0, 2 })]);

        data.Inputs.Single.dtype.Should().Be(ScalarType.Float32);
        data.Targets.Map((_, t) => (t.dtype, string.Join("x", t.shape))).Should().Equal(
            ("number", (ScalarType.Float32, "3")),
            ("class", (ScalarType.Int64, "3")),
            ("flag", (ScalarType.Bool, "3")),
            ("maybe", (ScalarType.Float32, "3")),
            ("several", (ScalarType.Float32, "3x2")),
            ("tokens", (ScalarType.Int64, "3x2")));
        data.Weights["class"].dtype.Should().Be(ScalarType.Float32);
        data.LabelCounts.Values.Should().Equal(2, 2, 3, 2, 5, 6);
        Samples.Doubles(data.Targets["class"]).Should().Equal(0, 1, -100);
        Samples.Doubles(data.Targets["tokens"]).Should().Equal(1, 2, 3, 4, 5, 6);
        using var moved = data.To(ScalarType.Float64);
        moved.Targets["class"].dtype.Should().Be(ScalarType.Int64);
        moved.Targets["several"].dtype.Should().Be(ScalarType.Float64);
    }

    [Fact]
    public void A_data_set_moves_to_a_device()
    {
        using var data = Samples.Numbered(3);
        using var moved = data.To(META); // index_select has no meta kernel, so that batches cannot be read there
        moved.Device.type.Should().Be(DeviceType.META);
        moved.Targets["a"].device_type.Should().Be(DeviceType.META);
    }

    [Fact]
    public void Arrays_are_copied()
    {
        float[,] inputs = { { 1 }, { 2 } };
        using var data = MultiTaskDataset.FromArrays(inputs, [("a", new float[] { 1, 2 })]);
        inputs[0, 0] = 9;
        Samples.Doubles(data.Inputs.Single).Should().Equal(1, 2);
    }

    [Fact]
    public void Several_input_tensors_are_cut_alike()
    {
        using var ids = arange(6).reshape(3, 2);
        using var mask = ones(3, 2, dtype: ScalarType.Bool);
        using var labels = tensor(new long[] { 7, 8, 9 });
        using var data = new MultiTaskDataset([ids, mask], [("a", labels)]);
        Leaks.Steps(data.Batches(2, shuffle: false).Epoch(0), b => b.Parts[0].Inputs.Select(t => string.Join("x", t.shape)).ToArray())
            .Should().BeEquivalentTo([new[] { "2x2", "2x2" }, ["1x2", "1x2"]]);
    }

    [Fact]
    public void Bad_data_are_refused_with_what_was_found() => Leaks.NoneIn(() =>
    {
        using var scope = NewDisposeScope();
        Tensor x = rand(3, 2), y = rand(3);
        Refused(() => new MultiTaskDataset(rand(0, 2), [("a", rand(0))]), "*at least one sample*[0, 2]*");
        Refused(() => new MultiTaskDataset(x, []), "*at least one task*Found none*");
        Refused(() => new MultiTaskDataset(x, [("a", rand(4))]), "*'a'*3 samples*[4]*");
        Refused(() => new MultiTaskDataset(x, [("a", y)], [("b", y)]), "*'b'*'a'*");
        Refused(() => new MultiTaskDataset(x, [("a", y)], [("a", tensor(new[] { 1f, -2f, 1f }))]), "*'a'*at least 0*Found -2 in row 1*");
        Refused(() => new MultiTaskDataset(x, [("a", y)], [("a", tensor(new[] { 1f, 1f, float.NaN }))]), "*'a'*Found NaN in row 2*");
        Refused(() => new MultiTaskDataset(x, [("a", y.to(META))]), "*one device*'a' on meta*");
        Refused(() => MultiTaskDataset.FromArrays(new[] { "x" }, [("a", new float[1])]), "Inputs*float, double*String*");
        Refused(() => MultiTaskDataset.FromArrays(new float[][] { [1, 2], [3] }, [("a", new float[2])]), "Inputs*2*Found 1 in row 1*");
        Refused(() => MultiTaskDataset.FromArrays(new float[2, 1], [("a", new DateTime[2])]), "Task 'a'*DateTime*");
        using var data = new MultiTaskDataset(x, [("a", y)]);
        Refused(() => data.Subset([]), "*at least one sample*");
        Refused(() => data.Subset([0, 3]), "*0 to 2*Found 3*");
        Refused(() => data.To(ScalarType.Int64), "*floating-point*Int64*");
    });

    private static void Refused(Func<object> make, string message) => make.Should().Throw<ArgumentException>().WithMessage(message);
}
