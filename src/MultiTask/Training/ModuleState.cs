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
    /// <remarks>A balancer's memory of gradients has no entries before its first step; then any shape fits.</remarks>
    /// <exception cref="InvalidDataException">They differ; the message lists what differs.</exception>
    public static void Check(nn.Module module, IReadOnlyDictionary<string, Tensor> saved, string source) =>
        Check(module, new RenamedWeights(saved), source, strict: true, convert: false);

    /// <summary>Checks, then copies the values into the module's own tensors, on whatever device they are.</summary>
    /// <inheritdoc cref="Check(nn.Module, IReadOnlyDictionary{string, Tensor}, string)"/>
    public static void Restore(nn.Module module, IReadOnlyDictionary<string, Tensor> saved, string source) =>
        Restore(module, new RenamedWeights(saved), source, strict: true, convert: false);

    /// <summary>Checks, then copies the values into the module's own tensors, on whatever device they are.</summary>
    /// <param name="module">The module.</param>
    /// <param name="saved">Tensors by the names of the module's <c>state_dict()</c>.</param>
    /// <param name="source">What messages call the file.</param>
    /// <param name="strict">Whether names on one side only are an error; shapes always are.</param>
    /// <param name="convert">Whether floating types may differ.</param>
    /// <returns>The names that only the module has, and those that only the file has, as they are there.</returns>
    public static (IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected) Restore(
        nn.Module module,
        RenamedWeights saved,
        string source,
        bool strict,
        bool convert)
    {
        var result = Check(module, saved, source, strict, convert);
        (module as Balancer)?.Adopt(saved.Values);
        using var off = no_grad();
        foreach (var (name, tensor) in module.state_dict())
        {
            if (saved.Values.TryGetValue(name, out var value))
            {
                tensor.copy_(value);
            }
        }

        return result;
    }

    private static (IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected) Check(
        nn.Module module,
        RenamedWeights saved,
        string source,
        bool strict,
        bool convert)
    {
        var state = module.state_dict();
        string[] missing = [.. state.Keys.Where(name => !saved.Values.ContainsKey(name))];
        string[] unexpected = [.. saved.Values.Keys.Where(name => !state.ContainsKey(name))];
        string[] differences =
        [
            .. strict ? missing.Select(name => $"'{name}' {Describe(state[name])} is missing") : [],
            .. strict ? unexpected.Select(name => $"{saved.Describe(name)} {Describe(saved.Values[name])} is unexpected") : [],
            .. state.Where(p => saved.Values.ContainsKey(p.Key)).SelectMany(p => Difference(module, saved.Describe(p.Key), p.Value, saved.Values[p.Key], convert)),
        ];
        return differences.Length > 0
            ? throw new InvalidDataException($"{source} does not fit the module {module.GetName()}: {Text(differences)}. The module is unchanged.")
            : missing.Length == state.Count && state.Count > 0
            ? throw new InvalidDataException(
                $"{source} should have some weight of the module {module.GetName()}, such as {Some(missing)}. Found {Some(unexpected)}. The module is unchanged.")
            : (missing, [.. unexpected.Select(saved.Origin)]);
    }

    private static IEnumerable<string> Difference(nn.Module module, string name, Tensor own, Tensor saved, bool convert) =>
        own.numel() == 0 && module is Balancer ? []
        : !(convert ? Conversion.Allows(saved.dtype, own.dtype) : saved.dtype == own.dtype) || !own.shape.AsSpan().SequenceEqual(saved.shape)
            ? [$"{name} should be {Describe(own)}. Found {Describe(saved)}"]
        : !Conversion.Keeps(saved, own.dtype) ? [$"{name} should have values that {own.dtype} can hold. Found greater ones"]
        : [];

    private static string Some(string[] names) => names.Length == 0 ? "none" : string.Join(", ", names.Take(3).Select(name => $"'{name}'"));

    private static string Describe(Tensor tensor) => $"{tensor.dtype} {Shape.Of(tensor)}";

    private static string Text(string[] differences) =>
        string.Join("; ", differences.Take(Listed)) +
        (differences.Length > Listed ? $"; and {differences.Length - Listed} more differences" : string.Empty);
}
