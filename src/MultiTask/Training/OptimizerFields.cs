using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The fields of one object in which an optimizer keeps what it knows: tensors, and plain values.</summary>
/// <remarks>
/// TorchSharp's own way of saving optimizers cannot be checked before it is loaded, leaves new tensors to whatever dispose
/// scope is open, and fails on tensors that are not contiguous. The fields are all there is to an optimizer's state, also
/// in an optimizer of the user's own, and can be read by name.
/// </remarks>
internal sealed class OptimizerFields
{
    private const string BackingField = "k__BackingField";

    private readonly object owner;

    /// <summary>The fields of an object.</summary>
    /// <param name="owner">The object.</param>
    /// <param name="above">The base class whose fields are left out.</param>
    /// <exception cref="NotSupportedException">A field is neither a tensor nor a plain value.</exception>
    [SuppressMessage("Trimming", "IL2075", Justification = "TorchSharp finds modules by reflection and cannot be trimmed either.")]
    public OptimizerFields(object owner, Type above)
    {
        this.owner = owner;
        for (var type = owner.GetType(); type != above && type is not null; type = type.BaseType)
        {
            foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                Kind(field).Add(NameOf(field), field);
            }
        }
    }

    /// <summary>The fields that hold a tensor or nothing, by name.</summary>
    public SortedDictionary<string, FieldInfo> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>The fields that hold a number, a truth value or a text, by name.</summary>
    public SortedDictionary<string, FieldInfo> Values { get; } = new(StringComparer.Ordinal);

    /// <summary>The tensors that are there, by name.</summary>
    public Dictionary<string, Tensor> ReadTensors() => Tensors
        .Where(f => f.Value.GetValue(owner) is not null)
        .ToDictionary(f => f.Key, f => (Tensor)f.Value.GetValue(owner)!);

    /// <summary>The plain values as JSON, by name.</summary>
    public Dictionary<string, JsonElement> ReadValues() => Values.ToDictionary(
        f => f.Key,
        f => JsonSerializer.SerializeToElement(f.Value.GetValue(owner), f.Value.FieldType, CheckpointManifest.Json));

    /// <summary>Makes ready to set the plain values.</summary>
    /// <param name="values">Values for exactly these fields.</param>
    /// <returns>Actions that set them and cannot fail.</returns>
    /// <exception cref="JsonException">A value is of another type.</exception>
    public IEnumerable<Action> PlanValues(IReadOnlyDictionary<string, JsonElement> values) => Values.Select(f =>
    {
        var value = values[f.Key].Deserialize(f.Value.FieldType, CheckpointManifest.Json);
        return (Action)(() => f.Value.SetValue(owner, value));
    });

    /// <summary>Puts a tensor, or nothing, into a field.</summary>
    /// <param name="name">The field.</param>
    /// <param name="tensor">The tensor.</param>
    public void Write(string name, Tensor? tensor) => Tensors[name].SetValue(owner, tensor);

    private SortedDictionary<string, FieldInfo> Kind(FieldInfo field)
    {
        var type = Nullable.GetUnderlyingType(field.FieldType) ?? field.FieldType;
        return type == typeof(Tensor) ? Tensors
            : type.IsPrimitive || type.IsEnum || type == typeof(string) ? Values
            : throw new NotSupportedException(
                $"The optimizer's state cannot be saved: {field.DeclaringType} has a field '{NameOf(field)}' of type {field.FieldType}.");
    }

    private static string NameOf(FieldInfo field) =>
        field.Name.Replace(BackingField, string.Empty, StringComparison.Ordinal).Trim('<', '>');
}
