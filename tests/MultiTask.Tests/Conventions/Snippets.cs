using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace MultiTask.Tests.Conventions;

/// <summary>Compiles pieces of C# as a project with implicit usings would, with the names of <see cref="Ambient"/> in scope.</summary>
internal static class Snippets
{
    /// <summary>The usings of every code block. The first six are a project's implicit ones.</summary>
    private const string Prelude = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using MultiTask;
        global using MultiTask.Balancing;
        global using MultiTask.Csv;
        global using MultiTask.Data;
        global using MultiTask.Diagnostics;
        global using MultiTask.Metrics;
        global using MultiTask.Sharing;
        global using MultiTask.Tasks;
        global using MultiTask.Terminal;
        global using MultiTask.Training;
        global using TorchSharp;
        global using TorchSharp.Modules;
        global using static TorchSharp.torch;
        global using static TorchSharp.torch.nn;
        """;

    /// <summary>Statements find the ambient names as members of their own class, so that these come before imported types.</summary>
    private const string Host = "partial class Program : MultiTask.Tests.Conventions.Ambient;";

    private static readonly CSharpParseOptions Language = new(LanguageVersion.Latest);

    private static readonly CSharpCompilation Empty = CSharpCompilation.Create(
        "Snippet",
        [CSharpSyntaxTree.ParseText(Prelude, Language)],
        References(),
        new(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));

    /// <summary>What the compiler has against a piece of code: errors, and warnings of nullability and of obsolete members.</summary>
    /// <param name="code">Statements, declarations, or first the ones and then the others.</param>
    /// <param name="file">The file that the code stands in, for messages.</param>
    /// <param name="line">The line of its first line, from 1.</param>
    /// <returns>One line each: <c>README.md(12): CS0103 The name 'x' does not exist …</c></returns>
    public static IReadOnlyList<string> Faults(string code, string file, int line)
    {
        var tree = CSharpSyntaxTree.ParseText($"#line {line} \"{file}\"\n{code}", Language);
        var compilation = Empty.AddSyntaxTrees(tree);
        if (tree.GetCompilationUnitRoot().Members.OfType<GlobalStatementSyntax>().Any())
        {
            compilation = compilation
                .AddSyntaxTrees(CSharpSyntaxTree.ParseText(Host, Language))
                .WithOptions(compilation.Options.WithOutputKind(OutputKind.ConsoleApplication));
        }

        return [.. compilation.GetDiagnostics().Where(IsFault).Select(d => $"{Place(d)}: {d.Id} {d.GetMessage(System.Globalization.CultureInfo.InvariantCulture)}")];
    }

    private static bool IsFault(Diagnostic diagnostic) =>
        diagnostic.Severity == DiagnosticSeverity.Error || diagnostic.Id is "CS0612" or "CS0618" ||
        (diagnostic.Severity == DiagnosticSeverity.Warning && diagnostic.Id.StartsWith("CS86", StringComparison.Ordinal));

    private static string Place(Diagnostic diagnostic)
    {
        var span = diagnostic.Location.GetMappedLineSpan();
        return $"{span.Path}({span.StartLinePosition.Line + 1})";
    }

    /// <summary>What the tests themselves run with.</summary>
    private static ImmutableArray<MetadataReference> References() =>
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Concat(AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic).Select(a => a.Location))
            .Append(typeof(Ambient).Assembly.Location)
            .Where(File.Exists)
            .DistinctBy(Path.GetFileName)
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];
}
