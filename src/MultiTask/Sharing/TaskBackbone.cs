using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A backbone that runs for one task at a time, so that hooks on its layers can compute with what is the task's own.</summary>
/// <remarks>A view, as an <see cref="Encoder"/> is: the trunk registers <see cref="Module"/> itself.</remarks>
internal sealed class TaskBackbone
{
    private readonly Encoder encoder;
    private string? running;

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

    /// <summary>The modules of a kind by name: their path, with underscores, as a part of a state key has no dot.</summary>
    /// <param name="alone">The name of a backbone that is of that kind itself.</param>
    public TaskMap<T> Layers<T>(string alone)
        where T : nn.Module => TaskMap.Create(Module is T only
            ? [(alone, only)]
            : Module.named_modules().Where(m => m.module is T).Select(m => (m.name.Replace('.', '_'), (T)m.module)));

    /// <summary>Replaces the outputs of some layers.</summary>
    /// <param name="layers">Layers of the backbone.</param>
    /// <param name="compute">Of the task for which the backbone runs (<c>null</c>: for all), the layer's name, its input and its output.</param>
    public void Hook<T>(TaskMap<T> layers, Func<string?, string, Tensor, Tensor, Tensor> compute)
        where T : nn.Module<Tensor, Tensor>
    {
        foreach (var (name, layer) in layers)
        {
            layer.register_forward_hook((_, input, output) => compute(running, name, input, output));
        }
    }

    /// <summary>Runs for all tasks.</summary>
    public Tensor Encode(Inputs input) => encoder.Encode(input);

    /// <summary>Runs for one task.</summary>
    public Tensor Encode(string task, Inputs input)
    {
        running = task;
        try
        {
            return encoder.Encode(input);
        }
        finally
        {
            running = null;
        }
    }
}
