using MultiTask.Diagnostics;
using MultiTask.Numerics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Layers of parallel sub-networks. Each above the first reads a weighted sum of those below, and each task one of the last layer's; on
/// its way a connection may be transformed.
/// </summary>
internal sealed class RoutedStacks : nn.Module
{
    private readonly Numbered<Experts> layers;
    private readonly Numbered<Numbered<Experts>>? between;
    private readonly TaskModules? ends;
    private readonly TaskMap<Experts?> ofTasks;

    /// <summary>Layers of sub-networks.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="width">How many sub-networks a layer has.</param>
    /// <param name="subnetworks">Makes a sub-network of each layer.</param>
    /// <param name="connections">Makes a connection out of each layer; <c>null</c> for connections as they are.</param>
    /// <param name="argument">What the trunk calls the function of the sub-networks.</param>
    public RoutedStacks(IEnumerable<string> tasks, int width, Func<IReadOnlyList<Encoder>> subnetworks, Func<IReadOnlyList<Encoder>>? connections, string argument = "subnetworks")
        : base(nameof(RoutedStacks))
    {
        var names = TaskNames.Some(tasks);
        var modules = new FreshModules();
        var stacks = modules.Stacks(width, subnetworks, argument);
        var depth = stacks[0].Length;
        layers = new(Enumerable.Range(0, depth).Select(l => new Experts(stacks.Select(s => s[l]))));
        if (connections is not null)
        {
            // Stack [i][j] connects j below with i above, at each layer; of the last layer's there is one for each task instead.
            var inner = depth > 1 ? Enumerable.Range(0, width).Select(_ => Made(depth)).ToArray() : [];
            between = new(Enumerable.Range(0, depth - 1).Select(l => new Numbered<Experts>(inner.Select(row => new Experts(row.Select(s => s[l]))))));
            ofTasks = TaskMap.Create(names.Select(task => (task, (Experts?)new Experts(Made(depth).Select(s => s[^1])))));
            ends = new(ofTasks.Select(t => (t.Task, (nn.Module)t.Value!)));
        }
        else
        {
            ofTasks = TaskMap.Create(names.Select(task => (task, (Experts?)null)));
        }

        RegisterComponents();

        Encoder[][] Made(int layers) => modules.Stacks(width, connections, nameof(connections), layers);
    }

    public IReadOnlyList<string> Tasks => ofTasks.Tasks;

    /// <summary>The number of layers.</summary>
    public int Depth => layers.All.Count;

    /// <summary>The names of a layer's sub-networks in tables.</summary>
    public IEnumerable<string> Names(int layer) => Experts.Names($"layers.{Experts.Key(layer)}", layers.All[layer].Count);

    public IEnumerable<Parameter> Of(string task) => ofTasks[task]?.parameters() ?? [];

    /// <summary>Runs the layers.</summary>
    /// <param name="input">What the first layer reads.</param>
    /// <param name="routes">For each layer but the last, the weights of it in the layer above: <c>[width above, width]</c>.</param>
    /// <param name="ends">For each task, the weights of the last layer: <c>[width]</c>.</param>
    /// <param name="prune">Whether what has weight 0 need not run.</param>
    public Representation Run(Inputs input, IReadOnlyList<Tensor> routes, TaskMap<Tensor> ends, bool prune)
    {
        prune = prune && ends.Values[0].device_type != DeviceType.META;
        var rows = routes.Select(r => Kept(r, prune)).ToArray();
        var endRows = ends.Map((_, weights) => Kept(weights.unsqueeze(0), prune)[0]);
        var needed = Needed(rows, endRows.Values.SelectMany(row => row));

        var below = Layer(0, _ => input);
        for (var l = 1; l < Depth; l++)
        {
            var (under, layer) = (below, l);
            below = Layer(l, i => Sum(routes[layer - 1][i], rows[layer - 1][i], under, between?.All[layer - 1].All[i]));
        }

        return new(task => Sum(ends[task], endRows[task], below, ofTasks[task]));

        Tensor?[] Layer(int layer, Func<int, Inputs> reads) =>
            [.. Enumerable.Range(0, layers.All[layer].Count).Select(i => needed[layer].Contains(i) ? layers.All[layer].Encode(i, reads(i)) : null)];
    }

    private static Tensor Sum(Tensor weights, int[] kept, Tensor?[] below, Experts? connections) =>
        MultiplyAdds.Sums(
            Shape.Alike([.. kept.Select(j => connections?.Encode(j, below[j]!) ?? below[j]!)], "What a layer passes on should have one shape, because it is summed.")
                .Zip(kept, (features, j) => weights[j] * features)
                .Aggregate((sum, term) => sum + term),
            kept.Length);

    /// <summary>For each row, the columns that count: those that are not 0. Where all are 0, the first, for the shape.</summary>
    private static int[][] Kept(Tensor weights, bool prune)
    {
        var (height, width) = ((int)weights.shape[0], (int)weights.shape[1]);
        var values = prune ? HostValues.Of(weights) : [.. Enumerable.Repeat(1.0, height * width)];
        return [.. Enumerable.Range(0, height).Select(Row)];

        int[] Row(int i)
        {
            int[] kept = [.. Enumerable.Range(0, width).Where(j => values[(i * width) + j] != 0)];
            return kept.Length > 0 ? kept : [0];
        }
    }

    /// <summary>For each layer, the sub-networks that a task reads, straight or through others.</summary>
    private HashSet<int>[] Needed(int[][][] rows, IEnumerable<int> last)
    {
        var needed = new HashSet<int>[Depth];
        needed[^1] = [.. last];
        for (var l = Depth - 2; l >= 0; l--)
        {
            needed[l] = [.. needed[l + 1].SelectMany(i => rows[l][i])];
        }

        return needed;
    }
}
