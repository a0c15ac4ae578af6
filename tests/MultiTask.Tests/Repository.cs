using System.Reflection;

namespace MultiTask.Tests;

/// <summary>Paths that the build knows.</summary>
internal static class Repository
{
    /// <summary>The folder with the solution.</summary>
    public static string Root => Metadata("RepositoryRoot");

    /// <summary>The folder of TorchSharp's package.</summary>
    public static string TorchSharpPackage => Metadata("TorchSharpPackage");

    /// <summary>The C# sources below some of the folders "src", "tests" and "samples".</summary>
    public static IEnumerable<string> Sources(params string[] folders) =>
        from folder in folders
        let path = Path.Combine(Root, folder)
        where Directory.Exists(path)
        from file in Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories)
        let parts = Path.GetRelativePath(path, file).Split(Path.DirectorySeparatorChar)
        where !parts.Contains("obj") && !parts.Contains("bin")
        select file;

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
