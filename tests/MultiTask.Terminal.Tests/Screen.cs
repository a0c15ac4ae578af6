using System.Text.RegularExpressions;
using Spectre.Console;

namespace MultiTask.Terminal.Tests;

/// <summary>A console whose output is kept: a terminal, or a redirected one.</summary>
internal sealed partial class Screen
{
    private const string Erase = "\r\u001b[2K";

    private readonly StringWriter writer = new() { NewLine = "\n" };

    public Screen(bool terminal, int width = 80)
    {
        Console = AnsiConsole.Create(new()
        {
            Ansi = terminal ? AnsiSupport.Yes : AnsiSupport.No,
            Interactive = terminal ? InteractionSupport.Yes : InteractionSupport.No,
            ColorSystem = terminal ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(writer),
        });
        Console.Profile.Width = width;
        Console.Profile.Capabilities.Unicode = true;
    }

    public IAnsiConsole Console { get; }

    /// <summary>Everything that was written.</summary>
    public string Raw => writer.ToString();

    /// <summary>What a terminal shows: colours taken away, and of an erased line what was written after.</summary>
    public string[] Lines => [.. Colours().Replace(Raw, string.Empty).Split('\n').Select(line => line[(line.LastIndexOf(Erase, StringComparison.Ordinal) is var i and >= 0 ? i + Erase.Length : 0)..])];

    [GeneratedRegex("\u001b\\[[0-9;]*m")]
    private static partial Regex Colours();
}
