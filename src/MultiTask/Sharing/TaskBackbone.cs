using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A backbone that runs for one task at a time, so that hooks on its layers can compute with what is the task's own.</summary>
/// <remarks>A view, as an <see cref="Encoder"/> is: the trunk registers <see cref="Module"/> itself.</remarks>
internal sealed class TaskBackbone
{
    private readonly Encoder encoder;
    private readonly AsyncLocal<string?> running = new(); // several threads may run one model
    private readonly HashSet<string> silent = new(StringComparer.Ordinal);

    /// <param name="backbone">Has at least one <c>Linear</c>.</param>
    public TaskBackbone(Encoder backbone)
    {
        ArgumentNullException.ThrowIfNull(backbone);
        encoder = backbone;
        Dense = Layers<Linear>("linear");
        if (Dense.Count == 0)
        {
            throw new ArgumentException("`backbone` should have at least one Linear. Found none.", nameof(backbone));
        }
    }

    public nn.Module Module => encoder.Module;

    /// <summary>The dense layers by name.</summary>
    public TaskMap<Linear> Dense { get; }

    /// <summary>The modules of a kind by name, each once: their path, with underscores, as a part of a state key has no dot.</summary>
    /// <param name="alone">The name of a backbone that is of that kind itself.</param>
    public TaskMap<T> Layers<T>(string alone)
        where T : nn.Module
    {
        if (Module is T only)
        {
            return [(alone, only)];
        }

        var layers = Module.named_modules().Where(m => m.module is T).DistinctBy(m => m.module, ReferenceEqualityComparer.Instance).ToArray();
        return layers.GroupBy(layer => layer.name.Replace('.', '_'), StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } clash
            ? throw new ArgumentException($"The paths of a backbone's layers should differ by more than dots and underscores. Found {TaskNames.List(clash.Select(c => c.name))}.")
            : TaskMap.Create(layers.Select(layer => (layer.name.Replace('.', '_'), (T)layer.module)));
    }

    /// <summary>Replaces the outputs of some layers.</summary>
    /// <param name="layers">Layers of the backbone.</param>
    /// <param name="compute">Of the task for which the backbone runs (<c>null</c>: for all), the layer's name, its input and its output.</param>
    public void Hook<T>(TaskMap<T> layers, Func<string?, string, Tensor, Tensor, Tensor> compute)
        where T : nn.Module<Tensor, Tensor>
    {
        silent.UnionWith(layers.Tasks);
        foreach (var (name, layer) in layers)
        {
            layer.register_forward_hook((_, input, output) =>
            {
                Heard(name);
                return compute(running.Value, name, input, output);
            });
        }
    }

    /// <summary>Runs for all tasks.</summary>
    public Tensor Encode(Inputs input)
    {
        var output = encoder.Encode(input);
        lock (silent)
        {
            return silent.Count == 0 ? output : throw new InvalidOperationException(
                $"All dense and normalising layers of a backbone should run, by call(), in its first pass: that is where what is the task's own comes in. Not heard of: {TaskNames.List(silent.Order(StringComparer.Ordinal))}.");
        }
    }

    /// <summary>Runs for one task.</summary>
    public Tensor Encode(string task, Inputs input)
    {
        running.Value = task;
        try
        {
            return Encode(input);
        }
        finally
        {
            running.Value = null;
        }
    }

    private void Heard(string layer)
    {
        lock (silent)
        {
            silent.Remove(layer);
        }
    }
}
