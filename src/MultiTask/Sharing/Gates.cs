using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Gates by name, usually the tasks', registered under their names.</summary>
internal sealed class Gates : nn.Module
{
    private readonly TaskMap<Gate> gates;

    public Gates(IEnumerable<string> names, Func<Gate> make)
        : base(nameof(Gates))
    {
        gates = TaskMap.Create(TaskNames.Some(names).Select(name => (name, make())));
        foreach (var (name, gate) in gates)
        {
            register_module(name, gate.Module);
        }
    }

    public IReadOnlyList<string> Names => gates.Tasks;

    public Gate For(string name) => gates[name];

    public IEnumerable<Parameter> Of(string name) => gates[name].Module.parameters();
}
