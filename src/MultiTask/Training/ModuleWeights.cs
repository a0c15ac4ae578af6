using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Saves and loads a module's weights as a <see cref="Safetensors"/> file.</summary>
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
    /// <param name="module">The module; unchanged if anything does not fit.</param>
    /// <param name="path">The file.</param>
    /// <param name="strict">Whether every weight of the module has to be in the file, and nothing else; the default is true.
    /// Shapes and types have to agree in any case.</param>
    /// <returns>The names that only the module has, and those that only the file has; both empty if <paramref name="strict"/>.</returns>
    /// <exception cref="InvalidDataException">The file is damaged, or does not fit; the message lists what differs.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static (IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected) LoadWeights(
        this nn.Module module,
        string path,
        bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(module);
        using var scope = NewDisposeScope();
        return ModuleState.Restore(module, Safetensors.Load(path), $"'{path}'", strict);
    }
}
