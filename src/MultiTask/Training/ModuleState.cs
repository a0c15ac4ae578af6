using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Puts saved tensors back into a module, after comparing every name, shape and type.</summary>
internal static class ModuleState
{
    private const int Listed = 10;

    /// <summary>Compares and changes nothing.</summary>
    /// <param name="module">The module.</param>
    /// <param name="saved">Tensors by the names of the module's <c>state_dict()</c>.</param>
    /// <param name="source">What messages call the file.</param>
    /// <param name="strict">Whether names on one side only are an error; shapes and types always are.</param>
    /// <returns>The names that only the module has, and those that only the file has.</returns>
    /// <remarks>A balancer's memory of gradients has no entries before its first step; then any shape fits.</remarks>
    /// <exception cref="InvalidDataException">They differ; the message lists what differs.</exception>
    public static (IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected) Check(
        nn.Module module,
        IReadOnlyDictionary<string, Tensor> saved,
        string source,
        bool strict = true)
    {
        var state = module.state_dict();
        string[] missing = [.. state.Keys.Where(name => !saved.ContainsKey(name))];
        string[] unexpected = [.. saved.Keys.Where(name => !state.ContainsKey(name))];
        string[] differences =
        [
            .. strict ? missing.Select(name => $"'{name}' {Describe(state[name])} is missing") : [],
            .. strict ? unexpected.Select(name => $"'{name}' {Describe(saved[name])} is unexpected") : [],
            .. state.Where(p => saved.ContainsKey(p.Key)).SelectMany(p => Difference(module, p.Key, p.Value, saved[p.Key])),
        ];
        return differences.Length == 0
            ? (missing, unexpected)
            : throw new InvalidDataException(
                $"{source} does not fit the module {module.GetName()}: {Text(differences)}. The module is unchanged.");
    }

    /// <summary>Checks, then copies the values into the module's own tensors, on whatever device they are.</summary>
    /// <inheritdoc cref="Check"/>
    public static (IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected) Restore(
        nn.Module module,
        IReadOnlyDictionary<string, Tensor> saved,
        string source,
        bool strict = true)
    {
        var result = Check(module, saved, source, strict);
        (module as Balancer)?.Adopt(saved);
        using var frozen = no_grad();
        foreach (var (name, tensor) in module.state_dict())
        {
            if (saved.TryGetValue(name, out var value))
            {
                tensor.copy_(value);
            }
        }

        return result;
    }

    private static IEnumerable<string> Difference(nn.Module module, string name, Tensor own, Tensor saved) =>
        (own.dtype == saved.dtype && own.shape.AsSpan().SequenceEqual(saved.shape)) || (own.numel() == 0 && module is Balancer)
            ? []
            : [$"'{name}' should be {Describe(own)}. Found {Describe(saved)}"];

    private static string Describe(Tensor tensor) => $"{tensor.dtype} {Shape.Of(tensor)}";

    private static string Text(string[] differences) =>
        string.Join("; ", differences.Take(Listed)) +
        (differences.Length > Listed ? $"; and {differences.Length - Listed} more differences" : string.Empty);
}
