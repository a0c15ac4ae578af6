using ScottPlot;
using Shared;
using static TorchSharp.torch;
using Color = ScottPlot.Color;

namespace ToyProblem;

/// <summary>A small plot for each method: the landscape, the Pareto set, and the ways from all starts.</summary>
internal static class Figure
{
    private const double Far = 10;
    private const int Cells = 161;
    private static readonly Color[] Colours = [.. new[] { "#C03A2B", "#1F6FB2", "#E08A00", "#7B3FA0", "#1B8A5A" }.Select(Color.FromHex)];
    private static readonly Color[] Shades = [.. new[] { "#A9B8C6", "#E6EBF0", "#FFFFFF" }.Select(Color.FromHex)];

    /// <summary>Draws the figure.</summary>
    /// <param name="path">The PNG.</param>
    /// <param name="columns">How many plots beside each other.</param>
    /// <param name="scale">The factor of the first task's loss.</param>
    /// <param name="methods">The ways of each method, in the order of the starts.</param>
    public static void Save(string path, int columns, double scale, IReadOnlyList<(string Name, Descent[] Ways)> methods)
    {
        ChartFont.Use();
        var landscape = Landscape(scale);
        var best = Toy.BestMean(scale);
        var rows = (methods.Count + columns) / columns; // one more for the key
        var figure = new Multiplot { Layout = new ScottPlot.MultiplotLayouts.Grid(rows, columns) };
        figure.AddPlots(methods.Count + 1);
        for (var k = 0; k < methods.Count; k++)
        {
            var plot = figure.GetPlot(k);
            DrawLandscape(plot, landscape);
            DrawFront(plot, best);
            DrawWays(plot, methods[k].Ways);
            Dress(plot, $"{methods[k].Name}: {methods[k].Ways.Count(w => w.OnTheFront)} of {methods[k].Ways.Length}");
        }

        DrawKey(figure.GetPlot(methods.Count));
        figure.SavePng(path, 400 * columns, 420 * rows);
    }

    private static void DrawLandscape(Plot plot, Coordinates3d[,] landscape)
    {
        var heat = plot.Add.Heatmap(Heights(landscape));
        heat.Extent = new(-Far, Far, -Far, Far);
        heat.Colormap = new ScottPlot.Colormaps.CustomInterpolated(Shades);
        heat.Smooth = true;

        var contours = plot.Add.ContourLines(landscape, count: 16);
        contours.LineColor = Color.FromHex("#5F7488").WithAlpha(0.45);
        contours.LineWidth = 0.7f;
        contours.LabelStyle.IsVisible = false;
    }

    /// <summary>A bar for the Pareto set, a star where the mean of the losses is least.</summary>
    private static void DrawFront(Plot plot, (double X1, double X2) best)
    {
        DrawBar(plot, -7, 7, Toy.ParetoX2);
        DrawStar(plot, best);
    }

    private static void DrawBar(Plot plot, double from, double to, double x2)
    {
        var front = plot.Add.Line(from, x2, to, x2);
        front.LineColor = Color.FromHex("#3C4650").WithAlpha(0.6);
        front.LineWidth = 9;
    }

    private static void DrawStar(Plot plot, (double X1, double X2) best)
    {
        double[] radii = [.. Enumerable.Range(0, 10).Select(k => k % 2 == 0 ? 0.95 : 0.4)];
        var star = plot.Add.Polygon(radii.Select((r, k) => new Coordinates(best.X1 + (r * Math.Sin(k * Math.PI / 5)), best.X2 + (r * Math.Cos(k * Math.PI / 5)))).ToArray());
        star.FillColor = Color.FromHex("#FFD34D");
        star.LineColor = Colors.Black;
        star.LineWidth = 1;
    }

    /// <summary>From a black dot to a dot on the front, or to a cross.</summary>
    private static void DrawWays(Plot plot, Descent[] ways)
    {
        for (var i = 0; i < ways.Length; i++)
        {
            var line = plot.Add.ScatterLine(ways[i].Points.Select(p => new Coordinates(p.X1, p.X2)).ToArray());
            line.Color = Colours[i];
            line.LineWidth = 3;
        }

        for (var i = 0; i < ways.Length; i++)
        {
            DrawStart(plot, ways[i].Points[0]);
            DrawEnd(plot, ways[i].Points[^1], ways[i].OnTheFront, Colours[i]);
        }
    }

    private static void DrawStart(Plot plot, (double X1, double X2) start) =>
        plot.Add.Marker(start.X1, start.X2, MarkerShape.FilledCircle, 10, Colors.Black);

    private static void DrawEnd(Plot plot, (double X1, double X2) end, bool onTheFront, Color colour)
    {
        var marker = plot.Add.Marker(end.X1, end.X2, onTheFront ? MarkerShape.FilledCircle : MarkerShape.Eks, 14, colour);
        marker.MarkerStyle.OutlineColor = Colors.White;
        marker.MarkerStyle.OutlineWidth = onTheFront ? 1.5f : 0;
        marker.MarkerStyle.LineWidth = 4;
    }

    private static void DrawKey(Plot plot)
    {
        DrawStart(plot, (-8, 8));
        DrawEnd(plot, (-8, 5), onTheFront: true, Colours[0]);
        DrawEnd(plot, (-8, 2), onTheFront: false, Colours[0]);
        DrawBar(plot, -9, -7, -1);
        DrawStar(plot, (-8, -4));
        DrawWords(plot, 8, "start");
        DrawWords(plot, 5, "end, in the Pareto set");
        DrawWords(plot, 2, "end, elsewhere");
        DrawWords(plot, -1, "the Pareto set");
        DrawWords(plot, -4, "the best mean of both losses");
        DrawWords(plot, -6.5, "shade: the mean of both losses");
        DrawWords(plot, -9, "4 of 5: ends in the Pareto set");
        var shade = plot.Add.Rectangle(-9, -7, -7.2, -5.8);
        shade.FillColor = Shades[0];
        shade.LineWidth = 0;
        plot.Axes.SetLimits(-Far, Far, -Far, Far);
        plot.HideAxesAndGrid();
    }

    private static void DrawWords(Plot plot, double x2, string words)
    {
        var text = plot.Add.Text(words, -6, x2);
        text.LabelFontSize = 17;
        text.LabelAlignment = Alignment.MiddleLeft;
    }

    private static void Dress(Plot plot, string title)
    {
        plot.Title(title, size: 19);
        plot.Axes.SetLimits(-Far, Far, -Far, Far);
        plot.Axes.Bottom.SetTicks([-7, 0, 7], ["−7", "0", "7"]);
        plot.Axes.Left.SetTicks([Toy.ParetoX2, 0, 8], ["−8.4", "0", "8"]);
        plot.HideGrid();
    }

    /// <summary>The mean of the losses over the square, a row for each x₂, the highest first.</summary>
    private static Coordinates3d[,] Landscape(double scale)
    {
        using var scope = NewDisposeScope();
        var axis = linspace(-Far, Far, Cells, dtype: ScalarType.Float64);
        var grid = meshgrid([axis.flip(0), axis], "ij");
        var losses = Toy.Losses(stack([grid[1], grid[0]], -1), scale);
        double[] Flat(Tensor t) => [.. t.contiguous().data<double>()];
        var (x1, x2, mean) = (Flat(grid[1]), Flat(grid[0]), Flat((losses["1"] + losses["2"]) / 2));

        var landscape = new Coordinates3d[Cells, Cells];
        for (var k = 0; k < mean.Length; k++)
        {
            landscape[k / Cells, k % Cells] = new(x1[k], x2[k], mean[k]);
        }

        return landscape;
    }

    private static double[,] Heights(Coordinates3d[,] landscape)
    {
        var heights = new double[Cells, Cells];
        for (var k = 0; k < heights.Length; k++)
        {
            heights[k / Cells, k % Cells] = landscape[k / Cells, k % Cells].Z;
        }

        return heights;
    }
}
