using FluentAssertions;
using MultiTask.Data;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

public class RecordDatasetBuilderTests
{
    private static readonly Person[] People =
    [
        new(1.80f, 80.5, 30, 2, true, "north", [1, 2]),
        new(1.60f, 60.5, null, null, false, "south", [3, 4]),
        new(1.70f, 70.5, 50, 0, true, null, [5, 6]),
    ];

    [Fact]
    public void Records_become_inputs_and_labels()
    {
        using var data = MultiTaskDataset.From(People)
            .Input(p => [p.Height, p.Weight])
            .Target("age", p => p.Age)
            .Target("income", p => p.IncomeClass)
            .Target("smokes", p => p.Smokes)
            .Build();

        data.Count.Should().Be(3);
        data.Inputs.Single.shape.Should().Equal(3, 2);
        data.Inputs.Single.dtype.Should().Be(ScalarType.Float32);
        Samples.Doubles(data.Inputs.Single).Should().BeEquivalentTo([1.8, 80.5, 1.6, 60.5, 1.7, 70.5], o => o.WithStrictOrdering()
            .Using<double>(c => c.Subject.Should().BeApproximately(c.Expectation, 1e-6)).WhenTypeIs<double>());
        Samples.Doubles(data.Targets["age"]).Should().Equal(30, double.NaN, 50);
        Samples.Doubles(data.Targets["income"]).Should().Equal(2, -100, 0);
        data.Targets["income"].dtype.Should().Be(ScalarType.Int64);
        data.Targets["smokes"].dtype.Should().Be(ScalarType.Bool);
        data.LabelCounts.Should().Equal(("age", 2), ("income", 2), ("smokes", 3));
    }

    [Fact]
    public void The_type_that_a_function_returns_decides()
    {
        using var data = MultiTaskDataset.From(People)
            .Input(p => p.Tokens)
            .Input(p => [1, 2, 3])
            .Input(p => p.Tokens.Select(t => (float)t).ToArray())
            .Input(p => [p.Smokes])
            .Target("float", p => p.Height)
            .Target("double", p => p.Weight)
            .Target("long", p => 1L)
            .Target("int", p => p.Tokens.Length)
            .Target("nullable bool", p => p.Age > 40)
            .Target("maybe", p => p.Age is null ? null : (bool?)(p.Age > 40))
            .Target("numbers", p => [p.Height, p.Weight])
            .Target("maybe numbers", p => [p.Height, p.Age])
            .Target("tokens", p => p.Tokens)
            .Target("flags", p => [p.Smokes, !p.Smokes])
            .Weight("float", p => p.Weight)
            .Build();

        data.Inputs.Select(t => (t.dtype, t.shape[1])).Should().Equal(
            (ScalarType.Int64, 2), (ScalarType.Float32, 3), (ScalarType.Float32, 2), (ScalarType.Bool, 1));
        data.Targets.Map((_, t) => t.dtype).Should().Equal(
            ("float", ScalarType.Float32), ("double", ScalarType.Float32), ("long", ScalarType.Int64), ("int", ScalarType.Int64),
            ("nullable bool", ScalarType.Bool), ("maybe", ScalarType.Float32), ("numbers", ScalarType.Float32),
            ("maybe numbers", ScalarType.Float32), ("tokens", ScalarType.Int64), ("flags", ScalarType.Bool));
        Samples.Doubles(data.Targets["maybe"]).Should().Equal(0, double.NaN, 1);
        data.LabelCounts["maybe numbers"].Should().Be(5);
        data.Weights.Tasks.Should().Equal("float");
    }

    [Fact]
    public void Text_becomes_classes_by_a_vocabulary()
    {
        var regions = new Vocabulary(People.Select(p => p.Region));
        regions.Should().Equal("north", "south");
        using var data = MultiTaskDataset.From(People)
            .Input(p => [p.Height, .. regions.OneHot(p.Region ?? "south")])
            .Target("region", p => p.Region is { } r ? regions.IndexOf(r) : null)
            .Build();
        data.Inputs.Single.shape.Should().Equal(3, 3);
        Samples.Doubles(data.Targets["region"]).Should().Equal(0, 1, -100);
        regions.Invoking(v => v.IndexOf("west")).Should().Throw<KeyNotFoundException>().WithMessage("*'north', 'south'*Found 'west'*");
    }

    [Fact]
    public void Records_are_enumerated_once_a_build_and_nothing_leaks() => Leaks.NoneIn(() =>
    {
        var enumerated = 0;
        var builder = MultiTaskDataset.From(Once()).Input(p => [p.Height]).Target("age", p => p.Age);
        builder.Build().Dispose();
        builder.Build().Dispose();
        enumerated.Should().Be(2);

        IEnumerable<Person> Once()
        {
            enumerated++;
            foreach (var person in People)
            {
                yield return person;
            }
        }
    });

    [Fact]
    public void Bad_records_are_refused_with_what_was_found() => Leaks.NoneIn(() =>
    {
        Refused<InvalidOperationException>(From().Target("a", p => p.Age), "*one input*Found 0 inputs and 1 targets*");
        Refused<InvalidOperationException>(From().Input(p => [p.Height]), "*Found 1 inputs and 0 targets*");
        Refused<ArgumentException>(From().Input(p => [p.Height]).Target("a", p => p.Age).Target("a", p => p.Height), "*'a' twice*");
        Refused<ArgumentException>(From().Input(p => new double[p.Smokes ? 2 : 3]).Target("a", p => p.Age), "Input 0*2 values*Found 3 in record 1*");
        Refused<ArgumentException>(From().Input(p => (long[])null!).Target("a", p => p.Age), "Input 0*Found null in record 0*");
        Refused<ArgumentException>(From().Input(p => [p.Height]).Target("a", p => new bool[p.Smokes ? 1 : 2]), "Task 'a'*1 values*Found 2 in record 1*");
        Refused<ArgumentException>(From().Input(p => [p.Height]).Target("a", p => p.Age).Weight("a", p => -1), "*'a'*Found -1 in row 0*");
        Refused<ArgumentException>(MultiTaskDataset.From(Array.Empty<Person>()).Input(p => [p.Height]).Target("a", p => p.Age), "*Found no record*");
        From().Invoking(b => b.Target("a.b", p => p.Age)).Should().Throw<ArgumentException>().WithMessage("*dot*'a.b'*");

        static RecordDatasetBuilder<Person> From() => MultiTaskDataset.From(People);

        static void Refused<TException>(RecordDatasetBuilder<Person> builder, string message)
            where TException : Exception => builder.Invoking(b => b.Build()).Should().Throw<TException>().WithMessage(message);
    });

    private sealed record Person(float Height, double Weight, float? Age, int? IncomeClass, bool Smokes, string? Region, long[] Tokens);
}
