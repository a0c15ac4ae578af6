using System.Text.Json;
using FluentAssertions;

namespace MultiTask.Tests;

public sealed class TaskMapTests
{
    private static readonly TaskMap<double> Map = [("age", 0.5), ("Age", 1.5), ("income", 2.5)];

    [Fact]
    public void Is_a_literal_that_keeps_its_order()
    {
        Map.Tasks.Should().Equal("age", "Age", "income");
        Map.Values.Should().Equal(0.5, 1.5, 2.5);
        Map.Count.Should().Be(3);
        Map.Should().Equal([("age", 0.5), ("Age", 1.5), ("income", 2.5)]);
        TaskMap.Create(Map.AsEnumerable()).Should().Equal(Map);
    }

    [Fact]
    public void Finds_values_by_name_in_ordinal_comparison()
    {
        (Map["age"], Map["Age"]).Should().Be((0.5, 1.5));
        Map.Contains("AGE").Should().BeFalse();
        Map.TryGetValue("income", out var found).Should().BeTrue();
        found.Should().Be(2.5);
        Map.TryGetValue("sex", out var none).Should().BeFalse();
        none.Should().Be(0);
    }

    [Fact]
    public void A_task_that_is_not_there_is_named_with_those_that_are()
    {
        FluentActions.Invoking(() => Map["sex"]).Should().Throw<KeyNotFoundException>().WithMessage("*'sex'*'age', 'Age', 'income'*");
        TaskMap<int> empty = [];
        FluentActions.Invoking(() => empty["sex"]).Should().Throw<KeyNotFoundException>().WithMessage("*'sex'*none*");
    }

    [Fact]
    public void Map_gives_the_same_tasks_other_values()
    {
        var mapped = Map.Map((task, value) => $"{task}{value * 2:f0}");
        mapped.Should().Equal([("age", "age1"), ("Age", "Age3"), ("income", "income5")]);
        mapped["income"].Should().Be("income5");
    }

    [Fact]
    public void Filter_gives_fewer_tasks_in_the_same_order()
    {
        var filtered = Map.Filter((task, value) => task == "age" || value > 2);
        filtered.Should().Equal([("age", 0.5), ("income", 2.5)]);
        filtered["income"].Should().Be(2.5);
        filtered.Contains("Age").Should().BeFalse();
        Map.Count.Should().Be(3);
    }

    [Fact]
    public void Does_not_change_with_what_it_was_made_from()
    {
        var pairs = new[] { ("a", 1), ("b", 2) };
        var map = TaskMap.Create<int>(pairs);
        pairs[0] = ("z", 9);
        map.Should().Equal([("a", 1), ("b", 2)]);
    }

    [Fact]
    public void Refuses_bad_names()
    {
        Making("").Should().Throw<ArgumentException>().WithMessage("*not be empty*");
        Making("  ").Should().Throw<ArgumentException>().WithMessage("*not be empty*");
        Making([null!]).Should().Throw<ArgumentException>().WithMessage("*not be empty*");
        Making("a.b").Should().Throw<ArgumentException>().WithMessage("*dot*'a.b'*");
        Making("x", "y", "x").Should().Throw<ArgumentException>().WithMessage("*distinct*'x' twice*'x', 'y', 'x'*");
        Making("x", "X", "x y", "é", "1").Should().NotThrow();
        static Func<TaskMap<int>> Making(params string[] names) => () => TaskMap.Create(names.Select(n => (n, 0)));
    }

    [Fact]
    public void Reads_well()
    {
        new object[] { TaskMap.Create(("a", 1), ("b", 2)).ToString(), TaskMap.Create<int>().ToString() }.Should().Equal("{ a: 1, b: 2 }", "{ }");
    }

    [Fact]
    public void Goes_through_JSON_in_order()
    {
        var json = JsonSerializer.Serialize(Map);
        json.Should().Be("""{"age":0.5,"Age":1.5,"income":2.5}""");
        JsonSerializer.Deserialize<TaskMap<double>>(json).Should().Equal(Map);
    }
}
