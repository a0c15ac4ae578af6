using FluentAssertions;
using MultiTask.Metrics;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;

namespace MultiTask.Tests.Conventions;

/// <summary>Documentation code is compiled code, links lead somewhere, and every method stands in its table.</summary>
public class DocumentationTests
{
    public static TheoryData<string, int> CodeBlocks => Theory(
        from page in Markdown.Pages
        from block in page.Blocks("csharp")
        select (page.Name, block.Line));

    public static TheoryData<string> PageNames => [.. Markdown.Pages.Select(p => p.Name).Concat(["CHANGELOG.md", "CONTRIBUTING.md"])];

    public static TheoryData<string, Type> Documented => Theory(
    [
        .. In("docs/methods.md", Concrete.TypesOf<Balancer>()),
        .. In("docs/architectures.md", Concrete.TypesOf<Trunk>()),
        .. In("docs/architectures.md", Concrete.TypesOf<SharingPenalty>()),
        .. In("docs/tasks.md", Concrete.TypesOf<LearningTask>()),
        .. In("docs/tasks.md", Concrete.TypesOf<Metric>()),
        .. In("docs/data.md", Concrete.TypesOf<BatchSource>()),
    ]);

    [Theory]
    [MemberData(nameof(CodeBlocks))]
    public void Code_compiles(string page, int line) =>
        Snippets.Faults(Markdown.Read(page).Blocks("csharp").Single(b => b.Line == line).Code, page, line).Should().BeEmpty();

    [Theory]
    [InlineData("var sum = losses[\"age\"] + 1;\nvar more = sum + nothing;", "README.md(42): CS0103*nothing*")] // an unknown name
    [InlineData("balancer.Backwards(losses);", "README.md(41): CS1061*Backwards*")] // an unknown member
    [InlineData("sealed class Half : LossWeighting { }", "README.md(41): CS*")] // a library
    [InlineData("string s = history.Best.ToString();", "README.md(41): CS8602*")] // nullability
    [InlineData("var weights = [1, 2;", "README.md(41): CS*")] // a syntax error
    public void Code_that_does_not_compile_is_found(string code, string fault) =>
        Snippets.Faults(code, "README.md", 41).Should().ContainMatch(fault);

    [Theory]
    [InlineData("Trunk soft = new SoftSharing(tasks, Encoder, new L2Distance(0.1));")] // an ambient function before a type
    [InlineData("Encoder own = Sequential(Linear(8, 16), ReLU());\nConsole.WriteLine(own);")]
    [InlineData("var model = new MultiTaskModel(new HardSharing(Encoder()), tasks);\nUse(model);\nstatic void Use(MultiTaskModel m) { }")]
    [InlineData("var m = new Own();\nsealed class Own : nn.Module { public Own() : base(\"own\") { } }")]
    [InlineData("namespace Mine;\npublic static class Names { public const string Age = \"age\"; }")]
    public void Code_that_compiles_is_let_pass(string code) => Snippets.Faults(code, "README.md", 41).Should().BeEmpty();

    [Theory]
    [MemberData(nameof(PageNames))]
    public void Links_lead_somewhere(string name)
    {
        var page = Markdown.Read(name);
        page.Links().Where(l => !Exists(page, l.Target)).Select(l => $"{name}({l.Line}): {l.Target}").Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Documented))]
    public void Type_is_sealed_and_stands_in_its_table(string page, Type type)
    {
        type.IsSealed.Should().BeTrue();
        var name = type.Name.Split('`')[0]; // RecordBatches`1
        Markdown.Read(page).Rows(name).Should().Be(1, $"{page} should have a table row for `{name}`");
    }

    private static bool Exists(Markdown page, string target)
    {
        if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal))
        {
            return true;
        }

        var (path, anchor) = target.Split('#') is [var p, var a] ? (p, a) : (target, "");
        var file = path.Length == 0 ? page.FullName : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page.FullName)!, path));
        return anchor.Length == 0
            ? Path.Exists(file)
            : File.Exists(file) && Markdown.Read(Path.GetRelativePath(Repository.Root, file)).Anchors().Contains(anchor);
    }

    private static IEnumerable<(string Page, Type Type)> In(string page, IEnumerable<Type> types) => types.Select(type => (page, type));

    private static TheoryData<T1, T2> Theory<T1, T2>(IEnumerable<(T1 First, T2 Second)> rows)
    {
        var data = new TheoryData<T1, T2>();
        foreach (var (first, second) in rows)
        {
            data.Add(first, second);
        }

        return data;
    }
}
