using System.Text.Json;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>One parameter group of an optimizer: its options, and a slot for each parameter.</summary>
internal sealed class OptimizerGroup
{
    private readonly string name;
    private readonly OptimizerFields options;
    private readonly List<OptimizerSlot> slots;

    /// <summary>A group.</summary>
    /// <param name="index">Its place in the optimizer.</param>
    /// <param name="group">The group.</param>
    /// <param name="states">The states of its parameters, in order.</param>
    public OptimizerGroup(int index, ParamGroup group, IEnumerable<TorchSharp.Modules.OptimizerState> states)
    {
        name = $"group {index}";
        options = new(group.Options, typeof(object));
        if (options.Tensors.Count > 0)
        {
            throw new NotSupportedException($"The optimizer's state cannot be saved: its options have a tensor '{options.Tensors.Keys.First()}'.");
        }

        slots = [.. group.Parameters.Zip(states, (p, state) => (p, state)).Select((pair, i) => new OptimizerSlot($"{index}.{i}", pair.p, pair.state))];
    }

    /// <summary>The tensors of all its parameters, by their names in the file.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Tensors => slots.SelectMany(s => s.Tensors);

    /// <summary>What is not a tensor.</summary>
    public SavedGroup Save() => new(options.ReadValues(), [.. slots.Select(s => s.Save())]);

    /// <summary>In what a saved group does not fit.</summary>
    /// <param name="saved">The group.</param>
    /// <param name="tensors">All tensors of the file.</param>
    public IEnumerable<string> Differences(SavedGroup saved, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (!saved.Options.Keys.Order(StringComparer.Ordinal).SequenceEqual(options.Values.Keys))
        {
            return [$"{name} should have the options {string.Join(", ", options.Values.Keys)}. Found {string.Join(", ", saved.Options.Keys)}"];
        }

        return saved.Parameters.Count != slots.Count
            ? [$"{name} should have {slots.Count} parameters. Found {saved.Parameters.Count}"]
            : slots.Zip(saved.Parameters).SelectMany(pair => pair.First.Differences(pair.Second, tensors));
    }

    /// <summary>Makes ready to restore what <see cref="Differences"/> found to fit.</summary>
    /// <param name="saved">The group.</param>
    /// <param name="tensors">All tensors of the file.</param>
    /// <exception cref="JsonException">A value is of another type.</exception>
    public IEnumerable<Action> Plan(SavedGroup saved, IReadOnlyDictionary<string, Tensor> tensors) =>
        options.PlanValues(saved.Options).Concat(slots.Zip(saved.Parameters).SelectMany(pair => pair.First.Plan(pair.Second, tensors)));
}
