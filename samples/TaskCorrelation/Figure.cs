using MultiTask.Diagnostics;
using ScottPlot;
using Shared;

namespace TaskCorrelation;

/// <summary>The error against the cosine, a line for each architecture.</summary>
internal static class Figure
{
    private static readonly IPalette Colours = new ScottPlot.Palettes.Category10();

    /// <summary>Draws the figure.</summary>
    /// <param name="path">The PNG.</param>
    /// <param name="cosines">The cosines, from the largest.</param>
    /// <param name="lines">Of each architecture, for each cosine the errors of all seeds.</param>
    public static void Save(string path, double[] cosines, IReadOnlyList<(string Name, double[][] Errors)> lines)
    {
        ChartFont.Use();
        using var plot = new Plot();
        for (var i = 0; i < lines.Count; i++)
        {
            var shift = 0.008 * (i - ((lines.Count - 1) / 2.0));    // so that bars stand beside each other
            double[] x = [.. cosines.Select(cosine => 1 - cosine + shift)];
            Spread[] spreads = [.. lines[i].Errors.Select(Spread.Of)];
            var line = plot.Add.Scatter(x, spreads.Select(s => s.Mean).ToArray());
            line.LegendText = lines[i].Name;
            line.Color = Colours.GetColor(i);
            line.LineWidth = 2.5f;
            line.MarkerSize = 8;
            var bars = plot.Add.ErrorBar(x, [.. spreads.Select(s => s.Mean)], [.. spreads.Select(s => s.Deviation / Math.Sqrt(s.Count))]);
            bars.Color = Colours.GetColor(i);
            bars.LineWidth = 1.5f;
        }

        plot.Axes.Bottom.SetTicks([.. cosines.Select(cosine => 1 - cosine)], [.. cosines.Select(cosine => $"{cosine:0.##}")]);
        plot.Axes.SetLimitsY(0, 1.15 * lines.Max(l => l.Errors.Max(e => e.Average())));
        plot.Title("Two tasks, from the same to unrelated, at one number of parameters");
        plot.XLabel("cosine of the two tasks' directions; bars: one standard error");
        plot.YLabel("squared error on test samples");
        plot.ShowLegend(Alignment.LowerRight);
        plot.SavePng(path, 1000, 600);
    }
}
