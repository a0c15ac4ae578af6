using System.Text.Json;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>What an optimizer knows of one parameter.</summary>
internal sealed class OptimizerSlot
{
    private readonly string key;
    private readonly Tensor parameter;
    private readonly OptimizerFields fields;

    /// <summary>A slot.</summary>
    /// <param name="key">The parameter's place: <c>group.index</c>.</param>
    /// <param name="parameter">The parameter.</param>
    /// <param name="state">What the optimizer knows of it.</param>
    public OptimizerSlot(string key, Tensor parameter, TorchSharp.Modules.OptimizerState state)
    {
        this.key = key;
        this.parameter = parameter;
        fields = new(state, typeof(TorchSharp.Modules.OptimizerState));
    }

    /// <summary>The tensors that are there, by their names in the file.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Tensors =>
        fields.ReadTensors().Select(t => KeyValuePair.Create(NameOf(t.Key), t.Value));

    /// <summary>What is not a tensor.</summary>
    public SavedParameter Save() => new(parameter.dtype.ToString(), parameter.shape, fields.ReadValues(), [.. fields.ReadTensors().Keys]);

    /// <summary>In what a saved parameter does not fit.</summary>
    /// <param name="saved">The parameter.</param>
    /// <param name="tensors">All tensors of the file.</param>
    public IEnumerable<string> Differences(SavedParameter saved, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (saved.Type != parameter.dtype.ToString() || !saved.Shape.SequenceEqual(parameter.shape))
        {
            return [$"parameter {key} should be {Describe(parameter)}. Found {saved.Type} {Shape.Text(saved.Shape)}"];
        }

        return !saved.Values.Keys.Order(StringComparer.Ordinal).SequenceEqual(fields.Values.Keys) || saved.Tensors.Except(fields.Tensors.Keys).Any()
            ? [$"parameter {key} should have the state {Names(fields.Values.Keys.Concat(fields.Tensors.Keys))}. Found {Names(saved.Values.Keys.Concat(saved.Tensors))}"]
            : saved.Tensors.SelectMany(field => Differences(field, tensors));
    }

    /// <summary>Makes ready to restore what <see cref="Differences(SavedParameter, IReadOnlyDictionary{string, Tensor})"/> found to fit.</summary>
    /// <param name="saved">The parameter.</param>
    /// <param name="tensors">All tensors of the file.</param>
    /// <exception cref="JsonException">A value is of another type.</exception>
    public IEnumerable<Action> Plan(SavedParameter saved, IReadOnlyDictionary<string, Tensor> tensors) =>
        fields.PlanValues(saved.Values).Concat(fields.Tensors.Keys.Select(
            field => (Action)(() => Restore(field, tensors.GetValueOrDefault(NameOf(field))))));

    private IEnumerable<string> Differences(string field, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (!tensors.TryGetValue(NameOf(field), out var saved))
        {
            return [$"the tensor '{NameOf(field)}' is missing"];
        }

        return fields.ReadTensors().TryGetValue(field, out var own) && Describe(own) != Describe(saved)
            ? [$"'{NameOf(field)}' should be {Describe(own)}. Found {Describe(saved)}"]
            : [];
    }

    private void Restore(string field, Tensor? saved)
    {
        var own = fields.ReadTensors().GetValueOrDefault(field);
        if (own is not null && saved is not null)
        {
            own.copy_(saved);
            return;
        }

        own?.Dispose();
        fields.Write(field, saved?.to(parameter.device, copy: true).DetachFromDisposeScope());
    }

    private string NameOf(string field) => $"{key}.{field}";

    private static string Describe(Tensor tensor) => $"{tensor.dtype} {Shape.Of(tensor)}";

    private static string Names(IEnumerable<string> names) => string.Join(", ", names);
}
