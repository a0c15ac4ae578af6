using FluentAssertions;
using Xunit;

namespace MultiTask.Terminal.Tests;

public class ComparisonTableTests
{
    [Fact]
    public void A_log_gets_Markdown()
    {
        var screen = new Screen(terminal: false, width: 20);

        Table().Write(screen.Console);

        screen.Raw.ReplaceLineEndings("\n").Should().Be(
            """
            | method       |              RMSE | accuracy |      Δm |
            | ------------ | ----------------: | -------: | ------: |
            | single task  |     2.000 ± 1.000 |      0.5 |       – |
            | hard sharing | **1.000 ± 0.000** |      0.5 |      1% |
            | PCGrad [1]   |                 – |  **0.8** | **50%** |

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_terminal_gets_a_drawn_table_with_the_best_in_bold()
    {
        var screen = new Screen(terminal: true);

        Table().Write(screen.Console);

        screen.Lines.Should().Contain(line => line.Contains("│ hard sharing │ 1.000 ± 0.000 │", StringComparison.Ordinal));
        screen.Raw.Should().MatchRegex("\u001b\\[1;[0-9]+m1.000 ± 0.000");
        screen.Raw.Should().NotMatchRegex("\u001b\\[1;[0-9]+m2.000");
    }

    [Fact]
    public void Best_of_equals_are_all_best()
    {
        var table = new ComparisonTable("method", new ComparisonColumn("loss"));
        table.Add("a", [1.0]);
        table.Add("b", [1.0]);

        table.ToMarkdown().Should().Contain("| a      | **1.000** |").And.Contain("| b      | **1.000** |");
    }

    [Fact]
    public void Cells_and_columns_have_to_agree()
    {
        var table = new ComparisonTable("method", new ComparisonColumn("loss"));

        var add = () => table.Add("a", [1], [2]);
        var none = () => new ComparisonTable("method");

        add.Should().Throw<ArgumentException>().WithMessage("Row 'a' should have 1 cells. Found 2.*");
        none.Should().Throw<ArgumentException>().WithMessage("*at least one column*");
    }

    private static ComparisonTable Table()
    {
        var table = new ComparisonTable("method", new("RMSE"), new("accuracy", HigherIsBetter: true, Format: "0.0"), new("Δm", HigherIsBetter: true, Format: "0%"));
        table.Add("single task", [1, 2, 3], [0.5], []);
        table.Add("hard sharing", [1, 1], [0.5], [0.01]);
        table.Add("PCGrad [1]", [1, double.NaN], [0.8], [0.5]);
        return table;
    }
}
