using ScottPlot;

namespace Shared;

/// <summary>The font of all charts. They bring their own, so that they look the same on a host without any.</summary>
internal static class ChartFont
{
    private const string Name = "DejaVu Sans";

    /// <summary>Makes it the default. To be called before the first plot.</summary>
    public static void Use()
    {
        Fonts.AddFontFile(Name, Path.Combine(AppContext.BaseDirectory, "fonts", "DejaVuSans.ttf"));
        Fonts.Default = Name;
    }
}
