using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace MultiTask.Tests.Conventions;

/// <summary>
/// A literal 0 converts to an enum, so <c>t.sum(0)</c> is no sum over the first dimension but
/// <c>t.sum((ScalarType)0)</c>: the total, as a byte. <c>prod</c> and the static forms are alike. The analyzer of banned
/// symbols cannot tell this call from <c>t.sum()</c>, hence a test. Write <c>t.sum(dim: 0)</c>.
/// </summary>
public class LiteralZeroTests
{
    private static readonly Regex Trap = new(@"\b(?:sum|prod)\(\s*(?:(?![-\d])(?:[^,()]|\([^()]*\))*,\s*)?0\s*\)");

    [Fact]
    public void No_source_sums_over_a_literal_0()
    {
        var found =
            from file in Repository.Sources("src", "tests", "samples")
            where Path.GetFileName(file) != nameof(LiteralZeroTests) + ".cs"
            from line in File.ReadLines(file)
            where Trap.IsMatch(line)
            select $"{Path.GetRelativePath(Repository.Root, file)}: {line.Trim()}";

        found.Should().BeEmpty();
    }

    [Theory]
    [InlineData("t.sum(0)", true)]
    [InlineData("t.prod( 0 )", true)]
    [InlineData("torch.sum(t, 0)", true)]
    [InlineData("sum(t.mul(u), 0)", true)]
    [InlineData("t.sum()", false)]
    [InlineData("t.sum(1)", false)]
    [InlineData("t.sum(-1, 0)", false)]
    [InlineData("t.sum(dim: 0)", false)]
    [InlineData("t.sum(0L)", false)]
    [InlineData("t.sum(0, keepdim: true)", false)]
    [InlineData("t.cumsum(0)", false)]
    public void Trap_is_recognised(string code, bool expected) => Trap.IsMatch(code).Should().Be(expected);
}
