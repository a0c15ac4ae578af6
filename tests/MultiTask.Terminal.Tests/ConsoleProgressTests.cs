using FluentAssertions;
using MultiTask.Training;
using Xunit;

namespace MultiTask.Terminal.Tests;

public class ConsoleProgressTests
{
    private readonly FakeTime time = new();

    [Fact]
    public void A_log_gets_one_plain_line_an_epoch()
    {
        var screen = new Screen(terminal: false, width: 20);

        Train(screen, epochs: 2);

        screen.Raw.Should().Be(
            """
            epoch 1/2  train 1.0000  valid 1.1000  age loss 0.5000  age RMSE 12.346  sex [m/f] loss 1.200e-05  sex [m/f] accuracy 0.9000  (10.0 s, 0:10 left)
            epoch 2/2  train 0.5000  valid 0.6000  age loss 0.5000  age RMSE 12.346  sex [m/f] loss 1.200e-05  sex [m/f] accuracy 0.9000  (10.0 s, 0:00 left)

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_log_has_no_control_codes()
    {
        var screen = new Screen(terminal: false);

        Train(screen, epochs: 3);

        screen.Raw.Where(char.IsControl).Should().OnlyContain(c => c == '\n');
    }

    [Fact]
    public void A_terminal_gets_a_table_and_no_bar_stays()
    {
        var screen = new Screen(terminal: true, width: 120);

        Train(screen, epochs: 3);

        screen.Lines.Should().Equal(
            "epoch       train       valid    age loss    age RMSE  sex [m/f] loss  sex [m/f] accuracy        time",
            "    1      1.0000      1.1000      0.5000      12.346       1.200e-05              0.9000      10.0 s",
            "    2      0.5000      0.6000      0.5000      12.346       1.200e-05              0.9000      10.0 s",
            "    3      0.3333      0.4333      0.5000      12.346       1.200e-05              0.9000      10.0 s",
            string.Empty);
    }

    [Fact]
    public void A_narrow_terminal_drops_columns_rather_than_wrapping()
    {
        var screen = new Screen(terminal: true, width: 60);

        Train(screen, epochs: 1);

        screen.Lines.Should().Equal(
            "epoch       train       valid        time  +4 more",
            "    1      1.0000      1.1000      10.0 s",
            string.Empty);
    }

    [Fact]
    public void The_bar_tells_epoch_step_losses_and_the_time_left()
    {
        var screen = new Screen(terminal: true, width: 120);
        using var progress = new ConsoleProgress(screen.Console, time);

        progress.Report(At(1, 4, 0, 10));
        screen.Lines[^1].Should().Be("epoch 1/4 " + new string('─', 40) + " 0%  step 0/10  ? left");

        time.Pass(30);
        progress.Report(At(1, 4, 10, 10, Report(1)));
        screen.Lines[^1].Should().Be("epoch 1/4 ━━━━━━━━━━" + new string('─', 30) + " 25%  step 10/10  train 1.0000  valid 1.1000  1:30 left");

        time.Pass(10);
        progress.Report(At(2, 4, 5, 10));
        screen.Lines[^1].Should().Be("epoch 2/4 ━━━━━━━━━━━━━━━" + new string('─', 25) + " 38%  step 5/10  train 1.0000  valid 1.1000  1:07 left");
    }

    [Theory]
    [InlineData(10)]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(200)]
    public void The_bar_never_fills_the_line(int width)
    {
        var screen = new Screen(terminal: true, width);
        using var progress = new ConsoleProgress(screen.Console, time);
        for (var step = 0; step < 100; step++)
        {
            time.Pass(1);
            progress.Report(At(1, 1, step, 100));

            screen.Lines.Should().ContainSingle().Which.Length.Should().BeLessThan(width);
        }
    }

    [Fact]
    public void The_bar_is_not_drawn_more_often_than_anyone_can_see()
    {
        var screen = new Screen(terminal: true);
        using var progress = new ConsoleProgress(screen.Console, time);
        for (var step = 0; step < 10_000; step++)
        {
            time.Pass(0.001);
            progress.Report(At(1, 1, step, 10_000));
        }

        screen.Raw.Split('\r').Length.Should().BeInRange(100, 130);
    }

    [Fact]
    public void A_terminal_without_Unicode_gets_a_bar_of_ASCII()
    {
        var screen = new Screen(terminal: true);
        screen.Console.Profile.Capabilities.Unicode = false;
        using var progress = new ConsoleProgress(screen.Console, time);

        progress.Report(At(1, 1, 1, 2));

        screen.Lines[^1].Should().StartWith("epoch 1/1 ####################--------------------");
    }

    [Fact]
    public void Steps_may_be_unknown()
    {
        var screen = new Screen(terminal: true);
        using var progress = new ConsoleProgress(screen.Console, time);
        time.Pass(1);

        progress.Report(At(2, 4, 7, null));

        screen.Lines[^1].Should().EndWith(" 25%  step 7  0:03 left");
    }

    [Fact]
    public void Hours_are_shown_when_there_are_any()
    {
        var screen = new Screen(terminal: false);
        using var progress = new ConsoleProgress(screen.Console, time);
        time.Pass(3723);

        progress.Report(At(1, 2, 1, 1, Report(1)));

        screen.Raw.Should().EndWith("(3723 s, 1:02:03 left)\n");
    }

    [Fact]
    public void Without_validation_there_is_no_such_column()
    {
        var screen = new Screen(terminal: true);
        using var progress = new ConsoleProgress(screen.Console, time);

        progress.Report(At(1, 1, 1, 1, Report(1) with { Train = new([], double.NaN), Validation = null }));

        screen.Lines.Should().Equal("epoch       train        time", "    1         NaN      0.00 s", string.Empty);
    }

    private void Train(Screen screen, int epochs)
    {
        using var progress = new ConsoleProgress(screen.Console, time);
        for (var epoch = 1; epoch <= epochs; epoch++)
        {
            for (var step = 1; step <= 10; step++)
            {
                time.Pass(1);
                progress.Report(At(epoch, epochs, step, 10, step == 10 ? Report(epoch) : null));
            }
        }
    }

    [Fact]
    public void A_run_of_steps_has_no_number_of_epochs()
    {
        var screen = new Screen(terminal: false);
        using var progress = new ConsoleProgress(screen.Console, time);
        time.Pass(2);

        progress.Report(At(3, null, 1, 1, Report(1)));

        screen.Raw.Should().StartWith("epoch 3  train 1.0000").And.EndWith("(2.00 s, ? left)\n");
    }

    private static TrainingProgress At(int epoch, int? epochs, int step, int? steps, EpochReport? report = null) =>
        new(epoch - 1, epochs, step, steps, [], report);

    private static EpochReport Report(int epoch) => new(
        epoch - 1,
        10L * epoch,
        Train: new([], 1.0 / epoch),
        Validation: new(
            [("age", new(0.5, 8, [new("RMSE", 12.3456, false)])), ("sex [m/f]", new(1.2e-5, 8, [new("accuracy", 0.9, true)]))],
            (1.0 / epoch) + 0.1),
        LearningRate: 0.1,
        SkippedSteps: 0,
        Score: 0,
        IsBest: false,
        Duration: TimeSpan.Zero);
}
