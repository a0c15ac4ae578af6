using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Tensors under the names that they have where they go, and where each comes from.</summary>
internal sealed class RenamedWeights
{
    private readonly Dictionary<string, Tensor> values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> origins = new(StringComparer.Ordinal);
    private readonly List<string> leftOut = [];

    /// <param name="weights">Tensors by the names that they come with.</param>
    /// <param name="rename">Gives the name of one where it goes, or <c>null</c> to leave it out; without, names stay.</param>
    /// <exception cref="ArgumentException">Two get the same name.</exception>
    public RenamedWeights(IEnumerable<KeyValuePair<string, Tensor>> weights, Func<string, string?>? rename = null)
    {
        foreach (var (origin, value) in weights)
        {
            if ((rename is null ? origin : rename(origin)) is not { } name)
            {
                leftOut.Add(origin);
            }
            else if (!values.TryAdd(name, value))
            {
                throw new ArgumentException($"`rename` should give each name once. Found '{name}' for '{origins[name]}' and for '{origin}'. Nothing is changed.", nameof(rename));
            }
            else
            {
                origins[name] = origin;
            }
        }
    }

    /// <summary>The tensors by their names where they go.</summary>
    public IReadOnlyDictionary<string, Tensor> Values => values;

    /// <summary>The names, where they come from, of those that go nowhere.</summary>
    public IReadOnlyList<string> LeftOut => leftOut;

    /// <summary>The name where it comes from.</summary>
    public string Origin(string name) => origins[name];

    /// <summary>Both names, for messages; one, where they are the same.</summary>
    public string Describe(string name) => origins.TryGetValue(name, out var origin) && origin != name ? $"'{name}' (there '{origin}')" : $"'{name}'";
}
