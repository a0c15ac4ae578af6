using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// One level of units: each task has experts and a gate of its own, and so has, perhaps, a unit that all share. A unit's
/// experts and gate read the unit's output from the level below. What PLE and AdaTT are made of.
/// </summary>
internal sealed class UnitLevel : nn.Module
{
    private const string SharedUnit = "shared";
    private readonly TaskMap<Experts> own;
    private readonly Experts? shared;
    private readonly Gates gates;
    private readonly Gate? sharedGate;
    private readonly TaskMap<NativeWeights?>? native;
    private readonly NativeWeights? sharedNative;
    private readonly bool fusesAll;
    private readonly int total;

    /// <summary>One level.</summary>
    /// <param name="own">Each task's experts, at least one.</param>
    /// <param name="shared">The shared unit's experts; perhaps none, and then there is no such unit.</param>
    /// <param name="gate">Makes the gates: from the number of experts, and an expert that reads what the gate reads.</param>
    /// <param name="last">Whether this is the last level, where the shared unit has no gate, because nobody reads it.</param>
    /// <param name="fusesAll">Whether the gate of a task weighs the experts of all units, or of its own and the shared unit only.</param>
    /// <param name="hasNative">Whether a unit adds a linear combination of its own experts to what its gate takes.</param>
    public UnitLevel(TaskMap<Encoder[]> own, Encoder[] shared, Func<int, Encoder, Gate> gate, bool last, bool fusesAll, bool hasNative)
        : base(nameof(UnitLevel))
    {
        this.fusesAll = fusesAll;
        this.own = own.Map((_, e) => new Experts(e));
        this.shared = shared.Length == 0 ? null : new(shared);
        total = own.Values.Sum(e => e.Length) + shared.Length;
        var next = 0;
        gates = new(own.Tasks, () =>
        {
            var experts = own.Values[next++];
            return gate(fusesAll ? total : experts.Length + shared.Length, experts[0]);
        });
        sharedGate = last || this.shared is null ? null : gate(total, shared[0]);
        native = hasNative ? own.Map((_, e) => NativeWeights.For(e)) : null;
        sharedNative = hasNative && sharedGate is not null ? NativeWeights.For(shared) : null;
        Register();
    }

    /// <summary>The parameters of the experts of a task.</summary>
    public IEnumerable<Parameter> ExpertsOf(string task) => own[task].parameters();

    /// <summary>The parameters by which a task mixes.</summary>
    public IEnumerable<Parameter> MixingOf(string task) => gates.Of(task).Concat(native?[task]?.parameters() ?? []);

    /// <summary>The parameters by which all units mix.</summary>
    public IEnumerable<Parameter> Mixing() => own.Tasks.SelectMany(MixingOf)
        .Concat(sharedGate?.Module.parameters() ?? [])
        .Concat(sharedNative?.parameters() ?? []);

    /// <summary>What the next level reads: each task's, and the shared unit's.</summary>
    public (Func<string, Inputs> Own, Inputs Shared) Extract(Func<string, Inputs> input, Inputs sharedInput, MixtureRecord? record)
    {
        var all = All(input, sharedInput);
        var everything = new ExpertOutputs(all);
        var extracted = TaskMap.Create(own.Tasks.Select(task => (task, Extracted(task, input(task), all, everything, record))));
        var common = sharedGate is null ? null : Mixed(SharedUnit, sharedGate, sharedNative, sharedInput, everything, [.. Enumerable.Range(0, total)], record);
        return (task => extracted[task], common ?? sharedInput);
    }

    /// <summary>What the heads read. A task's own experts run when the task is asked for, if nobody else needs them.</summary>
    public Representation Represent(Func<string, Inputs> input, Inputs sharedInput, MixtureRecord? record)
    {
        if (fusesAll)
        {
            var all = All(input, sharedInput);
            var everything = new ExpertOutputs(all);
            return new(task => Extracted(task, input(task), all, everything, record));
        }

        Tensor[] common = [.. shared?.Encode(sharedInput) ?? []];
        return new(task =>
        {
            var outputs = new ExpertOutputs(own[task].Encode(input(task)).Concat(common));
            return Mixed(task, gates.For(task), null, input(task), outputs, Sees(task), record);
        });
    }

    /// <summary>The names of all experts, in the order of the columns.</summary>
    public IEnumerable<string> Names() =>
        own.SelectMany(unit => Experts.Names(unit.Task, unit.Value.Count)).Concat(Experts.Names(SharedUnit, shared?.Count ?? 0));

    private Tensor[] All(Func<string, Inputs> input, Inputs sharedInput) =>
        [.. own.SelectMany(unit => unit.Value.Encode(input(unit.Task))), .. shared?.Encode(sharedInput) ?? []];

    private Tensor Extracted(string task, Inputs input, Tensor[] all, ExpertOutputs everything, MixtureRecord? record)
    {
        var sees = Sees(task);
        var outputs = fusesAll ? everything : new ExpertOutputs(sees.Select(i => all[i]));
        return Mixed(task, gates.For(task), native?[task], input, outputs, sees, record);
    }

    /// <summary>The experts that a task's gate weighs, by their columns.</summary>
    private int[] Sees(string task) => fusesAll
        ? [.. Enumerable.Range(0, total)]
        : [.. Enumerable.Range(First(task), own[task].Count), .. Enumerable.Range(total - (shared?.Count ?? 0), shared?.Count ?? 0)];

    /// <summary>The first column of a unit.</summary>
    private int First(string unit) => own.TakeWhile(u => u.Task != unit).Sum(u => u.Value.Count);

    private Tensor Mixed(string unit, Gate gate, NativeWeights? weightsOfOwn, Inputs input, ExpertOutputs outputs, int[] sees, MixtureRecord? record)
    {
        var weights = gate.Weights(input);
        if (native is not null)
        {
            // The residual of AdaTT: added to the gate's weights of the unit's own experts, for the same sum.
            var isShared = ReferenceEquals(gate, sharedGate);
            var count = (isShared ? shared! : own[unit]).Count;
            var first = isShared ? total - count : First(unit);
            var values = weightsOfOwn?.Weight ?? ones([count], weights.dtype, weights.device);
            weights = weights + nn.functional.pad(values, [first, total - first - count]);
        }

        record?.Add(unit, weights, sees);
        return outputs.Mix(weights);
    }

    private void Register()
    {
        register_module("own", new TaskModules(own.Select(unit => (unit.Task, (nn.Module)unit.Value))));
        register_module("gates", gates);
        if (shared is not null)
        {
            register_module("shared", shared);
        }

        if (sharedGate is not null)
        {
            register_module("shared_gate", sharedGate.Module);
        }

        if (native?.Any(n => n.Value is not null) ?? false)
        {
            register_module("native", new TaskModules(native.Where(n => n.Value is not null).Select(n => (n.Task, (nn.Module)n.Value!))));
        }

        if (sharedNative is not null)
        {
            register_module("shared_native", sharedNative);
        }
    }
}
