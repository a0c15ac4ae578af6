using MultiTask.Diagnostics;
using ScottPlot;
using Shared;

namespace MultiDigits;

/// <summary>For each architecture its gain over two networks: a dot for each seed, the mean, and two standard errors to each side.</summary>
internal static class Figure
{
    public static void Save(string path, IReadOnlyList<(string Name, double[] Points)> architectures)
    {
        ChartFont.Use();
        using var plot = new Plot();
        var zero = plot.Add.VerticalLine(0);
        zero.Color = Colors.Black;
        zero.LineWidth = 1.5f;
        for (var i = 0; i < architectures.Count; i++)
        {
            var (y, points) = (architectures.Count - 1.0 - i, architectures[i].Points);
            var spread = Spread.Of(points);
            var seeds = plot.Add.ScatterPoints(points, [.. points.Select(_ => y - 0.25)]);
            seeds.Color = Colors.Gray.WithAlpha(0.6);
            seeds.MarkerSize = 7;
            var reach = 2 * spread.Deviation / Math.Sqrt(points.Length);
            var bar = plot.Add.Line(spread.Mean - reach, y, spread.Mean + reach, y);
            bar.Color = Color.FromHex("#1F6FB2");
            bar.LineWidth = 4;
            plot.Add.Marker(spread.Mean, y, MarkerShape.FilledCircle, 14, Color.FromHex("#1F6FB2"));
        }

        plot.Axes.SetLimitsY(-0.6, architectures.Count - 0.4);
        plot.Axes.Left.SetTicks([.. architectures.Select((_, i) => architectures.Count - 1.0 - i)], [.. architectures.Select(a => a.Name)]);
        plot.Title("Accuracy over that of two networks");
        plot.XLabel("percentage points; bars: two standard errors; grey: the seeds");
        plot.SavePng(path, 1000, 120 + (40 * architectures.Count));
    }
}
