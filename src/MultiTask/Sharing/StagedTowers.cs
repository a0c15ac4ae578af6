using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>T towers of L stages: a stack of its own for each task, that exchange features after each stage.</summary>
internal sealed class StagedTowers : nn.Module
{
    private readonly TaskMap<Stages> towers;

    public StagedTowers(IEnumerable<string> tasks, Func<IReadOnlyList<Encoder>> stages)
        : base(nameof(StagedTowers))
    {
        ArgumentNullException.ThrowIfNull(stages);
        towers = TaskMap.Create(TaskNames.Some(tasks).Select(task => (task, new Stages(stages()))));
        foreach (var (task, tower) in towers)
        {
            if (tower.Count != First.Count)
            {
                throw new ArgumentException($"`stages` should give each task as many stages. Found {First.Count} for '{Tasks[0]}' and {tower.Count} for '{task}'.", nameof(stages));
            }

            register_module(task, tower);
        }

        Stages.ExpectNew(towers.Values);
    }

    public IReadOnlyList<string> Tasks => towers.Tasks;

    /// <summary>The tower of the first task, for its number of stages, widths, dtype and device.</summary>
    public Stages First => towers.Values[0];

    public Stages Of(string task) => towers[task];

    public IEnumerable<Parameter> ParametersOf(string task) => towers[task].parameters();

    /// <summary>Runs all towers, stage by stage.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="mix">Of a stage's number and its output for each task, all of one shape: what a task goes on with.</param>
    /// <returns>For each stage, what each task goes on with; after the last, computed when a task is asked for.</returns>
    public IReadOnlyList<Representation> Run(Inputs input, Func<int, Tensor[], Func<string, Tensor>> mix)
    {
        List<Representation> mixed = [];
        for (var l = 0; l < First.Count; l++)
        {
            mixed.Add(new(mix(l, Alike(l, [.. towers.Select(t => t.Value.Encode(l, l == 0 ? input : mixed[l - 1].For(t.Task)))]))));
        }

        return mixed;
    }

    private static Tensor[] Alike(int stage, Tensor[] features)
    {
        Shape.Alike(features, $"The tasks' outputs of stage {stage} should have one shape, because they are mixed.");
        return features;
    }
}
