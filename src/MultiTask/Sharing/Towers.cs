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
        ArgumentNullException.ThrowIfNull(tasks);
        ArgumentNullException.ThrowIfNull(tower);
        encoders = TaskMap.Create(tasks.Select(task => (task, tower())));
        if (encoders.Values.Select(e => e.Module).Distinct().Count() < encoders.Count)
        {
            throw new ArgumentException("`tower` should make a new module on each call. It gave one module twice.", nameof(tower));
        }

        foreach (var (task, encoder) in encoders)
        {
            register_module(task, encoder.Module);
        }
    }

    public IReadOnlyList<string> Tasks => encoders.Tasks;

    public IEnumerable<Parameter> Of(string task) => encoders[task].Module.parameters();

    /// <summary>For each parameter of the tower, its name and the tasks' own, in the order of the tasks.</summary>
    public IEnumerable<(string Name, IReadOnlyList<Parameter> OfTasks)> Layers()
    {
        var towers = encoders.Values.Select(e => e.Module.named_parameters().ToArray()).ToArray();
        return towers[0].Select((first, i) => (first.name, (IReadOnlyList<Parameter>)[.. towers.Select(t => t[i].parameter)]));
    }

    public override Representation forward(Inputs input) => new(task => encoders[task].Encode(input));
}
