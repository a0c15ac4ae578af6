using MultiTask.Sharing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Watches all modules of a model that have parameters, and sums up what they cost.</summary>
internal sealed class CountedModules : IDisposable
{
    private const string Mixing = "mixing";
    private readonly OrderedDictionary<nn.Module, string> names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, long> costs = new(StringComparer.Ordinal);
    private readonly List<string> uncounted = [];
    private readonly List<string> watched = [];
    private readonly List<Action> ends = [];

    public CountedModules(nn.Module model)
    {
        try
        {
            Enter(model, "", ours: false);
            var listening = MultiplyAdds.Listen((module, cost) => Add(module is null ? Mixing : names.GetValueOrDefault(module, Mixing), cost));
            ends.Add(listening.Dispose);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Modules of a kind that nobody knows the cost of.</summary>
    public IReadOnlyList<string> Uncounted => uncounted;

    /// <summary>Forgets what was counted.</summary>
    public void Clear() => costs.Clear();

    /// <summary>All that was counted.</summary>
    public long Total() => costs.Values.Sum();

    /// <summary>Modules of a known kind that were not called.</summary>
    public IReadOnlyList<string> Idle() => [.. watched.Where(name => !costs.ContainsKey(name))];

    /// <summary>What was counted, module by module.</summary>
    public IEnumerable<ModuleSize> Sizes(long samples)
    {
        foreach (var (module, name) in names)
        {
            var parameters = Own(module).Sum(p => p.numel());
            if (parameters > 0 || costs.ContainsKey(name))
            {
                yield return new(name, module.GetType().Name, parameters, (double)costs.GetValueOrDefault(name) / samples);
            }
        }

        if (costs.TryGetValue(Mixing, out var mixing))
        {
            yield return new(Mixing, "", 0, (double)mixing / samples);
        }
    }

    public void Dispose() => ends.ForEach(end => end());

    /// <param name="module">The module.</param>
    /// <param name="name">Its path.</param>
    /// <param name="ours">Whether a module of ours has it, for the sake of mere collections of parameters.</param>
    private void Enter(nn.Module module, string name, bool ours)
    {
        if (module is SharingPenalty)
        {
            return; // no part of a forward pass
        }

        var told = module is ICounted || (ours && module is ParameterDict or ParameterList);
        if (names.TryAdd(module, name) && Own(module).Any() && !MultiplyAddRules.IsFree(module))
        {
            if (MultiplyAddRules.Watch(module, cost => Add(name, cost)) is { } end)
            {
                ends.Add(end);
                watched.Add(name);
            }
            else if (!told)
            {
                uncounted.Add($"{name} ({module.GetType().Name})");
            }
        }

        foreach (var (child, inner) in module.named_children())
        {
            Enter(inner, name.Length == 0 ? child : $"{name}.{child}", told);
        }
    }

    private void Add(string name, long cost) => costs[name] = costs.GetValueOrDefault(name) + cost;

    private static IEnumerable<Parameter> Own(nn.Module module) => module.named_parameters(recurse: false).Select(p => p.parameter);
}
