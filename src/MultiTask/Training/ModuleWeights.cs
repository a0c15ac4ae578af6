using MultiTask.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Saves and loads a module's weights as a <see cref="Safetensors"/> file, or takes them from another module.</summary>
/// <remarks>
/// Names are those of the module's <c>state_dict()</c>, such as <c>trunk.encoder.fc.weight</c>; buffers are weights too.
/// In Python, <c>safetensors.torch.load_file</c> gives the same names. Training state (optimizer, random numbers, …) is not
/// in the file.
/// </remarks>
public static class ModuleWeights
{
    /// <summary>What other libraries look for, to learn that the tensors are PyTorch's.</summary>
    private static readonly Dictionary<string, string> PyTorch = new() { ["format"] = "pt" };

    /// <summary>Saves the weights.</summary>
    /// <param name="module">The module, on any device.</param>
    /// <param name="path">Where to; an existing file is replaced in one step, or left as it was when the save fails.</param>
    /// <param name="metadata">Free text by name, kept in the header beside <c>format: pt</c>.</param>
    /// <exception cref="ArgumentException">A weight is of a type that the format lacks.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void SaveWeights(this nn.Module module, string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        var all = new Dictionary<string, string>(PyTorch);
        foreach (var (key, value) in metadata ?? PyTorch)
        {
            all[key] = value;
        }

        Safetensors.Save(path, module.state_dict(), all);
    }

    /// <summary>Loads weights into the module's own tensors, wherever they are.</summary>
    /// <remarks>
    /// Values are converted to the module's types, among floating types only: a file of bfloat16 fits a module of float32. Modules
    /// of TorchSharp name their parameters as PyTorch's do, so that a file from Python needs other names for what is above them at most.
    /// </remarks>
    /// <param name="module">The module; unchanged if anything does not fit.</param>
    /// <param name="path">The file.</param>
    /// <param name="strict">Whether every weight of the module has to be in the file, and nothing else; the default is true.
    /// Shapes have to agree in any case, and one weight has to be there at least.</param>
    /// <param name="rename">Gives the module's name for one of the file's, or <c>null</c> for what is left out; without, names stay as they are.</param>
    /// <returns>
    /// The names that only the module has, and the file's names of what the module lacks, less what <paramref name="rename"/>
    /// leaves out; both empty if <paramref name="strict"/>.
    /// </returns>
    /// <exception cref="ArgumentException"><paramref name="rename"/> gives two of the file's weights one name.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, or does not fit; the message lists what differs.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static (IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected) LoadWeights(
        this nn.Module module,
        string path,
        bool strict = true,
        Func<string, string?>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        using var scope = NewDisposeScope();
        return ModuleState.Restore(module, new RenamedWeights(Safetensors.Load(path), rename), $"'{path}'", strict, convert: true);
    }

    /// <summary>Takes over another module's weights where names and shapes agree: what a grown or a shrunk model begins with.</summary>
    /// <remarks>
    /// Values are copied, buffers (running statistics) included, and converted to this module's devices and floating types. State
    /// keys have the names of tasks, so what belongs to a task follows it, whatever the order. A balancer learns and remembers by task as well, but
    /// what it knows is of the old set of tasks: begin with a new one.
    /// </remarks>
    /// <param name="module">The module that takes; unchanged if this throws.</param>
    /// <param name="source">The module whose weights are taken; it stays as it is.</param>
    /// <param name="rename">Gives this module's name for one of the source's, or <c>null</c> for what is left; without, names stay as they are.</param>
    /// <returns>What became of each weight.</returns>
    /// <exception cref="ArgumentException">
    /// The modules have a tensor in common (a head that both were given), so that training one would change the other; no weight can
    /// be taken; types or values cannot be converted; or <paramref name="rename"/> gives two weights one name.
    /// </exception>
    public static WeightTransfer TakeWeights(this nn.Module module, nn.Module source, Func<string, string?>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(source);
        var own = module.state_dict();
        var others = source.state_dict();
        ExpectApart(own, others);
        var weights = new RenamedWeights(others, rename);
        var common = own.Where(p => weights.Values.ContainsKey(p.Key)).Select(p => (Name: p.Key, To: p.Value, From: weights.Values[p.Key])).ToArray();
        var otherwise = MixedOtherwise(module, source);
        var taken = Array.FindAll(common, w => w.To.shape.AsSpan().SequenceEqual(w.From.shape) && !otherwise.Contains(w.To.Handle));
        if (taken.Length == 0)
        {
            throw new ArgumentException(
                $"`source` should have some weight of the module by name and shape, such as '{own.Keys.FirstOrDefault()}'. Found none of {source.GetName()}, which has '{others.Keys.FirstOrDefault()}'.", nameof(source));
        }

        Array.ForEach(taken, w => ExpectConvertible(weights.Describe(w.Name), w.From, w.To));
        using var off = no_grad();
        Array.ForEach(taken, w => w.To.copy_(w.From));
        return new(
            [.. taken.Select(w => w.Name)],
            [.. own.Keys.Where(name => !weights.Values.ContainsKey(name))],
            [.. weights.LeftOut, .. weights.Values.Keys.Where(name => !own.ContainsKey(name)).Select(weights.Origin)],
            common.Except(taken).ToDictionary(w => w.Name, w => otherwise.Contains(w.To.Handle) ? "of other tasks, or in another order" : $"{Shape.Of(w.From)} → {Shape.Of(w.To)}"));
    }

    /// <summary>
    /// The mixing parameters whose entries stand for other tasks, or for tasks in another order, than those of the source, although there are
    /// as many; of more or fewer tasks, shapes tell.
    /// </summary>
    private static HashSet<IntPtr> MixedOtherwise(nn.Module module, nn.Module source) =>
        TrunkOf(module) is { MixesInOrderOfTasks: true, Tasks: { } tasks } trunk && TrunkOf(source)?.Tasks is { } others && tasks.Count == others.Count && !tasks.SequenceEqual(others)
            ? [.. trunk.MixingParameters().Select(p => p.Handle)]
            : [];

    private static Trunk? TrunkOf(nn.Module module) => module as Trunk ?? (module as MultiTaskModel)?.Trunk;

    private static void ExpectApart(Dictionary<string, Tensor> own, Dictionary<string, Tensor> others)
    {
        var handles = own.DistinctBy(p => p.Value.Handle).ToDictionary(p => p.Value.Handle, p => p.Key);
        if (others.FirstOrDefault(p => handles.ContainsKey(p.Value.Handle)) is { Value: { } common } weight)
        {
            throw new ArgumentException(
                $"`source` should have no tensor in common with the module. Found '{weight.Key}', which is '{handles[common.Handle]}' there; build the module of new layers and new heads.", nameof(others));
        }
    }

    private static void ExpectConvertible(string name, Tensor from, Tensor to)
    {
        if (!Conversion.Allows(from.dtype, to.dtype))
        {
            throw new ArgumentException($"{name} should be {to.dtype}. Found {from.dtype}, and only floating types are converted. Nothing is changed.");
        }

        if (from.device_type == DeviceType.META || !Conversion.Keeps(from, to.dtype))
        {
            throw new ArgumentException($"{name} should have values that {to.dtype} can hold. Found {(from.device_type == DeviceType.META ? "none" : "greater ones")}. Nothing is changed.");
        }
    }
}
