using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Modules of one kind, registered under names: one for each task, or for each layer.</summary>
/// <remarks><c>ModuleDict</c> has two indexers, with which <c>Module.to</c> cannot cope everywhere.</remarks>
/// <typeparam name="T">The kind of module.</typeparam>
internal sealed class NamedModules<T> : nn.Module
    where T : nn.Module
{
    private readonly TaskMap<T> byName;

    public NamedModules(IEnumerable<string> names, Func<string, T> make)
        : base(nameof(NamedModules<>))
    {
        ArgumentNullException.ThrowIfNull(names);
        byName = TaskMap.Create(names.Select(name => (name, make(name))));
        foreach (var (name, module) in byName)
        {
            register_module(name, module);
        }
    }

    public IReadOnlyList<string> Names => byName.Tasks;

    public IReadOnlyList<T> All => byName.Values;

    public T Of(string name) => byName[name];

    public T? Find(string name) => byName.TryGetValue(name, out var module) ? module : null;
}
