using System.Text.Json;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>
/// Everything that an optimizer knows: for each parameter its moments, counts and buffers, for each group its options with
/// the learning rate as it is now and as it was initially. An optimizer that gets it back continues bit by bit.
/// </summary>
/// <remarks>
/// <para>
/// What has not come into being yet, such as momentum before the first step, is kept as absent. Parameters are known by
/// their place (group, then position); gradients are not part of the state.
/// </para>
/// <para>
/// All optimizers of TorchSharp that are written in C# can be saved, and those of the user's own that derive from
/// <see cref="OptimizerHelper"/>. <c>LBFGS</c> cannot: it keeps its state in native code without a way in.
/// </para>
/// <para>The stream is in the safetensors format; what is not a tensor is JSON in its metadata.</para>
/// </remarks>
internal sealed class OptimizerState : IDisposable
{
    private const string Key = "optimizer";
    private const int Listed = 10;

    private readonly SavedOptimizer saved;
    private readonly Dictionary<string, Tensor> tensors;
    private readonly string source;

    private OptimizerState(SavedOptimizer saved, Dictionary<string, Tensor> tensors, string source) =>
        (this.saved, this.tensors, this.source) = (saved, tensors, source);

    /// <summary>Finds out whether an optimizer's state can be saved; better asked before the training than after.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <exception cref="NotSupportedException">It cannot; the message says why.</exception>
    /// <exception cref="InvalidOperationException">The optimizer does not know its parameters: the model was moved after it was built.</exception>
    public static void EnsureSupported(optim.Optimizer optimizer) => _ = Groups(optimizer);

    /// <summary>Saves an optimizer's state.</summary>
    /// <param name="optimizer">The optimizer; unchanged.</param>
    /// <param name="stream">Is written from where it stands and stays open.</param>
    /// <inheritdoc cref="EnsureSupported"/>
    public static void Save(optim.Optimizer optimizer, Stream stream)
    {
        var groups = Groups(optimizer);
        var saved = new SavedOptimizer(TypeOf(optimizer), [.. groups.Select(g => g.Save())]);
        var json = JsonSerializer.Serialize(saved, CheckpointManifest.Json);
        Safetensors.Save(stream, groups.SelectMany(g => g.Tensors), new Dictionary<string, string> { [Key] = json });
    }

    /// <summary>Reads a state, to be given to an optimizer.</summary>
    /// <param name="stream">Stands at the beginning of what <see cref="Save"/> wrote.</param>
    /// <param name="length">How many bytes that has.</param>
    /// <param name="source">What messages call the place that it comes from.</param>
    /// <exception cref="InvalidDataException">It is not an optimizer's state, or damaged.</exception>
    public static OptimizerState Read(Stream stream, long length, string source)
    {
        var header = SafetensorsReader.ReadHeader(stream, length, source);
        var saved = Parse(header, source);
        var tensors = SafetensorsReader.ReadTensors(stream, header, source);
        foreach (var tensor in tensors.Values)
        {
            tensor.DetachFromDisposeScope();
        }

        return new(saved, tensors, source);
    }

    /// <summary>Compares with an optimizer and changes nothing.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <exception cref="InvalidDataException">The state is not for this optimizer; the message lists what differs.</exception>
    /// <inheritdoc cref="EnsureSupported"/>
    public void Check(optim.Optimizer optimizer) => _ = Plan(optimizer);

    /// <summary>Checks, then gives the state to an optimizer.</summary>
    /// <param name="optimizer">Unchanged if anything does not fit.</param>
    /// <inheritdoc cref="Check"/>
    public void Restore(optim.Optimizer optimizer)
    {
        var plan = Plan(optimizer);
        using var frozen = no_grad();
        plan.ForEach(action => action());
    }

    /// <summary>Disposes of the tensors that were read.</summary>
    public void Dispose()
    {
        foreach (var tensor in tensors.Values)
        {
            tensor.Dispose();
        }
    }

    private static SavedOptimizer Parse(SafetensorsHeader header, string source)
    {
        try
        {
            return header.Metadata.TryGetValue(Key, out var json)
                ? JsonSerializer.Deserialize<SavedOptimizer>(json, CheckpointManifest.Json)!
                : throw new JsonException($"there is no entry '{Key}'");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{source} is not the state of an optimizer: {e.Message}", e);
        }
    }

    private List<Action> Plan(optim.Optimizer optimizer)
    {
        var groups = Groups(optimizer);
        string[] differences = [.. Differences(optimizer, groups).Take(Listed + 1)];
        if (differences.Length > 0)
        {
            throw Unfit(string.Join("; ", differences.Take(Listed)) + (differences.Length > Listed ? "; and more" : string.Empty));
        }

        try
        {
            return [.. groups.Zip(saved.Groups).SelectMany(pair => pair.First.Plan(pair.Second, tensors))];
        }
        catch (JsonException e)
        {
            throw Unfit(e.Message, e);
        }
    }

    private IEnumerable<string> Differences(optim.Optimizer optimizer, List<OptimizerGroup> groups)
    {
        if (saved.Type != TypeOf(optimizer))
        {
            return [$"the optimizer should be {TypeOf(optimizer)}. Found {saved.Type}"];
        }

        return saved.Groups.Count != groups.Count
            ? [$"there should be {groups.Count} parameter groups. Found {saved.Groups.Count}"]
            : groups.Zip(saved.Groups).SelectMany(pair => pair.First.Differences(pair.Second, tensors));
    }

    private InvalidDataException Unfit(string reason, Exception? inner = null) =>
        new($"{source} is not the state of this optimizer: {reason}. The optimizer is unchanged.", inner);

    private static List<OptimizerGroup> Groups(optim.Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        if (optimizer is not OptimizerHelper helper)
        {
            throw new NotSupportedException(
                $"The state of {optimizer.GetType().Name} cannot be saved: it is in native code, and TorchSharp has no way in.");
        }

        var state = StateOf(helper);
        return
        [
            .. helper.ParamGroups.Cast<ParamGroup>().Select(
                (group, i) => new OptimizerGroup(i, group, state.StateIndexRef[i].Select(k => state.State[k]))),
        ];
    }

    private static optim.Optimizer.StateDictionary StateOf(OptimizerHelper optimizer)
    {
        try
        {
            return optimizer.state_dict();
        }
        catch (KeyNotFoundException e)
        {
            throw new InvalidOperationException(
                "The optimizer does not know its parameters. It should be built after the model was moved to its device and " +
                "type, from a list of parameters that does not change.",
                e);
        }
    }

    private static string TypeOf(optim.Optimizer optimizer) => optimizer.GetType().FullName!;
}
