using MultiTask.Diagnostics;
using ScottPlot;
using Shared;

namespace QuickStart;

/// <summary>The charts.</summary>
internal static class Charts
{
    private static readonly IPalette Colours = new ScottPlot.Palettes.ColorblindFriendly();

    static Charts() => ChartFont.Use();

    /// <summary>Each method's values as points, and their mean as a line across.</summary>
    public static void Comparison(string path, string title, string axis, IReadOnlyList<(string Method, double[] Seeds)> rows)
    {
        using var plot = new Plot();
        for (var i = 0; i < rows.Count; i++)
        {
            var (position, seeds) = (rows.Count - 1 - i, rows[i].Seeds);
            var points = plot.Add.ScatterPoints(seeds, [.. seeds.Select(_ => (double)position)]);
            points.Color = Colours.GetColor(i);
            points.MarkerSize = 9;
            var mean = plot.Add.Line(seeds.Average(), position - 0.3, seeds.Average(), position + 0.3);
            mean.Color = Colours.GetColor(i);
            mean.LineWidth = 3;
        }

        plot.Axes.SetLimitsY(-0.6, rows.Count - 0.4);
        plot.Axes.Left.SetTicks([.. rows.Select((_, i) => (double)(rows.Count - 1 - i))], [.. rows.Select(r => r.Method)]);
        plot.Title(title);
        plot.XLabel(axis);
        plot.SavePng(path, 900, 80 + (60 * rows.Count));
    }

    /// <summary>A line for each method: the mean over the seeds, as far as all of them go.</summary>
    public static void Curves(string path, string title, string axis, IReadOnlyList<(string Method, double[][] Seeds)> rows)
    {
        using var plot = new Plot();
        for (var i = 0; i < rows.Count; i++)
        {
            var length = rows[i].Seeds.Min(s => s.Length);
            double[] means = [.. Enumerable.Range(0, length).Select(epoch => rows[i].Seeds.Average(s => s[epoch]))];
            var line = plot.Add.Signal(means);
            line.LegendText = rows[i].Method;
            line.Color = Colours.GetColor(i);
            line.LineWidth = 2;
        }

        var best = rows.Min(r => r.Seeds.Min(s => s.Min()));
        plot.Axes.SetLimitsY(best * 0.95, best * 1.6);
        plot.Title(title);
        plot.XLabel("epoch");
        plot.YLabel(axis);
        plot.ShowLegend(Alignment.UpperRight);
        plot.SavePng(path, 900, 500);
    }
}
