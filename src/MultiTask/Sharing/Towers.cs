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
        foreach (var (task, encoder) in encoders)
        {
            if (encoder is null)
            {
                throw new ArgumentException("`tower` should make an encoder on each call. It gave null.", nameof(tower));
            }

            register_module(task, encoder.Module);
        }

        if (HasTwice(encoders.Values.Select(e => e.Module)) || HasTwice(encoders.Values.SelectMany(e => e.Module.parameters())))
        {
            throw new ArgumentException("`tower` should make new modules on each call. It gave one module or parameter twice.", nameof(tower));
        }
    }

    public IReadOnlyList<string> Tasks => encoders.Tasks;

    public IEnumerable<Parameter> Of(string task) => encoders[task].Module.parameters();

    /// <summary>For each parameter of the tower, its name and the tasks' own, in the order of the tasks.</summary>
    public IEnumerable<(string Name, IReadOnlyList<Parameter> OfTasks)> Layers() =>
        encoders.Values.SelectMany(e => e.Module.named_parameters())
            .GroupBy(p => p.name, p => p.parameter, StringComparer.Ordinal)
            .Select(layer => (layer.Key, (IReadOnlyList<Parameter>)[.. layer]));

    public Tensor Encode(string task, Inputs input) => encoders[task].Encode(input);

    public override Representation forward(Inputs input) => new(task => encoders[task].Encode(input));

    private static bool HasTwice(IEnumerable<object> items) => items.GroupBy(item => item, ReferenceEqualityComparer.Instance).Any(same => same.Count() > 1);
}
