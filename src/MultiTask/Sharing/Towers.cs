using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>An encoder of its own for each task, all of one kind.</summary>
internal sealed class Towers : nn.Module<Inputs, Representation>
{
    private readonly TaskMap<Encoder> encoders;

    public Towers(IEnumerable<string> tasks, Func<Encoder> tower)
        : base(nameof(Towers))
    {
        ArgumentNullException.ThrowIfNull(tower);
        var modules = new FreshModules();
        encoders = TaskMap.Create(TaskNames.Some(tasks).Select(task => (task, modules.Checked(tower(), nameof(tower)))));
        foreach (var (task, encoder) in encoders)
        {
            register_module(task, encoder.Module);
        }
    }

    public IReadOnlyList<string> Tasks => encoders.Tasks;

    public IEnumerable<Parameter> Of(string task) => encoders[task].Module.parameters();

    /// <summary>For each parameter of the tower, its name and the tasks' own, in the order of the tasks.</summary>
    public IEnumerable<(string Name, IReadOnlyList<Parameter> OfTasks)> Layers() =>
        ByName(module => module.named_parameters().Select(p => (p.name, p.parameter)));

    /// <summary>Likewise the buffers.</summary>
    public IEnumerable<(string Name, IReadOnlyList<Tensor> OfTasks)> Buffers() =>
        ByName(module => module.named_buffers().Select(b => (b.name, b.buffer)));

    public Tensor Encode(string task, Inputs input) => encoders[task].Encode(input);

    public override Representation forward(Inputs input) => new(task => encoders[task].Encode(input));

    private IEnumerable<(string Name, IReadOnlyList<T> OfTasks)> ByName<T>(Func<nn.Module, IEnumerable<(string Name, T Tensor)>> tensors) =>
        encoders.Values.SelectMany(e => tensors(e.Module))
            .GroupBy(p => p.Name, p => p.Tensor, StringComparer.Ordinal)
            .Select(layer => (layer.Key, (IReadOnlyList<T>)[.. layer]));
}
