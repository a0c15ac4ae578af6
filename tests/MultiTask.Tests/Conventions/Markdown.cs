using System.Text.RegularExpressions;

namespace MultiTask.Tests.Conventions;

/// <summary>A page of the documentation.</summary>
/// <param name="Name">Its path from the repository's root, with slashes.</param>
/// <param name="Lines">Its lines.</param>
internal sealed partial record Markdown(string Name, IReadOnlyList<string> Lines)
{
    /// <summary>README.md and the pages of docs.</summary>
    public static IEnumerable<Markdown> Pages => Directory
        .EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
        .Order(StringComparer.Ordinal)
        .Prepend("README.md")
        .Select(Read);

    /// <summary>The file.</summary>
    public string FullName => Path.Combine(Repository.Root, Name);

    /// <summary>A page by its path from the repository's root.</summary>
    public static Markdown Read(string name) => new(name, File.ReadAllLines(Path.Combine(Repository.Root, name)));

    /// <summary>The code blocks of a language: the number of the first line of code, from 1, and the code.</summary>
    public IEnumerable<(int Line, string Code)> Blocks(string language)
    {
        for (var i = 0; i < Lines.Count; i++)
        {
            if (Fence().Match(Lines[i]) is { Success: true } open)
            {
                var start = i + 1;
                var close = Enumerable.Range(start, Lines.Count - start).FirstOrDefault(k => Lines[k].Trim() == "```", Lines.Count);
                if (open.Groups["language"].Value == language)
                {
                    yield return (start + 1, string.Join('\n', Lines.Skip(start).Take(close - start)));
                }

                i = close;
            }
        }
    }

    /// <summary>The targets of links, code left aside.</summary>
    public IEnumerable<(int Line, string Target)> Links()
    {
        var code = false;
        for (var i = 0; i < Lines.Count; i++)
        {
            code ^= Lines[i].TrimStart().StartsWith("```", StringComparison.Ordinal);
            foreach (Match link in Link().Matches(code ? "" : InlineCode().Replace(Lines[i], "code")))
            {
                yield return (i + 1, link.Groups["target"].Value);
            }
        }
    }

    /// <summary>The anchors of the headings, as GitHub makes them.</summary>
    public IEnumerable<string> Anchors() => Lines
        .Where(line => line.StartsWith('#'))
        .Select(line => NoAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    /// <summary>How many rows of tables have a name in code style in their first cell.</summary>
    public int Rows(string name) => Lines.Count(line => Regex.IsMatch(line, $@"^\|\s*\[?`{Regex.Escape(name)}[`(<]"));

    [GeneratedRegex(@"^\s*```(?<language>[\w#+-]*)")]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(?<target>\S+)")]
    private static partial Regex Link();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NoAnchor();
}
