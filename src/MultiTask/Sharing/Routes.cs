using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>What is learned about the connections of <see cref="RoutedStacks"/>: a number for each.</summary>
internal sealed class Routes : nn.Module, ICounted
{
    private readonly ParameterDict between = new();
    private readonly ParameterDict tasks = new();

    /// <summary>A number for each connection.</summary>
    /// <param name="stacks">The layers.</param>
    /// <param name="width">How many sub-networks a layer has.</param>
    /// <param name="make">Makes numbers of a shape.</param>
    public Routes(RoutedStacks stacks, int width, Func<long[], Parameter> make)
        : base(nameof(Routes))
    {
        for (var l = 0; l < stacks.Depth - 1; l++)
        {
            between.Add(Experts.Key(l), make([width, width]));
        }

        foreach (var task in stacks.Tasks)
        {
            tasks.Add(task, make([width]));
        }

        RegisterComponents();
    }

    public IEnumerable<Parameter> Between => between.parameters();

    public IEnumerable<Parameter> All => parameters();

    public Parameter Of(string task) => tasks[task];

    /// <summary>Runs the layers with weights that are made of the numbers.</summary>
    public Representation Run(RoutedStacks stacks, Inputs input, Func<Tensor, Tensor> weigh, bool prune, List<MixtureRecord>? records)
    {
        Tensor[] routes = [.. Enumerable.Range(0, stacks.Depth - 1).Select(l => weigh(between[Experts.Key(l)]))];
        var last = TaskMap.Create(stacks.Tasks.Select(task => (task, weigh(tasks[task]))));
        for (var l = 0; l < routes.Length && records is not null; l++)
        {
            var record = MixtureRecord.Start(records, $"between.{Experts.Key(l)}", () => stacks.Names(l))!;
            foreach (var (i, name) in stacks.Names(l + 1).Index())
            {
                record.Add(name, routes[l][i]);
            }
        }

        var ends = MixtureRecord.Start(records, "tasks", () => stacks.Names(stacks.Depth - 1));
        foreach (var (task, weights) in last)
        {
            ends?.Add(task, weights);
        }

        return stacks.Run(input, routes, last, prune);
    }
}
