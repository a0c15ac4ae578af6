using System.Globalization;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>At which shared layers the tasks' gradients are in conflict, and how often: Recon's score of each layer.</summary>
/// <remarks>
/// <code>
/// var conflicts = LayerConflicts.Measure(model, train, batches: 50, severity: -0.02);
/// Console.WriteLine(conflicts);
/// </code>
/// <para>
/// Shi et al., <i>Recon: Reducing Conflicting Gradients from the Root for Multi-Task Learning</i> (ICLR 2023): two tasks are in S-conflict at
/// a layer where the cosine of their gradients by that layer is below S ∈ (−1, 0], and a layer's score is the number of pairs in
/// S-conflict, summed over the iterations. A layer is a module that has parameters itself, its weight and bias together, as in the
/// authors' code. Recon sums over the iterations of a training; sum measurements (<c>+</c>) of a model on its way for that.
/// The layers with the highest scores it makes the tasks' own (<see cref="Sharing.Branched"/>), and trains the new network from the start.
/// </para>
/// <para>
/// A pair counts in a batch where both gradients are there and not zero: a task that does not reach an expert, or has no label in the
/// batch, is in no conflict there. In the authors' code every task has a gradient at each layer.
/// </para>
/// </remarks>
public sealed class LayerConflicts
{
    private LayerConflicts(double severity, int batches, IReadOnlyList<LayerConflict> layers) =>
        (Severity, Batches, Layers) = (severity, batches, layers);

    /// <summary>S: a cosine below it is a conflict.</summary>
    public double Severity { get; }

    /// <summary>How many batches were looked at.</summary>
    public int Batches { get; }

    /// <summary>The shared layers that learn, in the order of the model; none where nothing is shared.</summary>
    public IReadOnlyList<LayerConflict> Layers { get; }

    /// <summary>The layers by score, the highest first; of those with the same score the one with the smaller mean cosine.</summary>
    public IReadOnlyList<LayerConflict> Ranked => [.. Layers.OrderByDescending(l => l.Score).ThenBy(l => l.MeanCosine)];

    /// <summary>A layer.</summary>
    /// <param name="layer">Its name.</param>
    /// <exception cref="KeyNotFoundException">There is no such layer; the message lists those there are.</exception>
    public LayerConflict this[string layer] => Layers.FirstOrDefault(l => l.Name == layer)
        ?? throw new KeyNotFoundException($"There is no shared layer '{layer}'. Found: {TaskNames.List(Layers.Select(l => l.Name))}.");

    /// <summary>Measures a model as it is, in the mode that it is in: one backward pass for each task and batch.</summary>
    /// <remarks>
    /// Gradients (<c>.grad</c>), parameters, running statistics, modes, and torch's random numbers on the CPU are as before afterwards, also if it fails.
    /// </remarks>
    /// <param name="model">The model.</param>
    /// <param name="data">The labelled data, on the model's device.</param>
    /// <param name="batches">How many batches to read, at least 1; 50 by default, or as many as the epoch has.</param>
    /// <param name="severity">S in (−1, 0]: a cosine below it is a conflict. 0 by default; the paper tries 0 to −0.15.</param>
    /// <param name="epoch">Which epoch of the data to read, from 0.</param>
    /// <param name="cancellationToken">Ends the measurement between two batches.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    /// <exception cref="NonFiniteException">A loss or a gradient is NaN or infinite.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static LayerConflicts Measure(
        MultiTaskModel model,
        BatchSource data,
        int batches = 50,
        double severity = 0,
        int epoch = 0,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        Arguments.AtLeastOne(batches, nameof(batches));
        if (severity is not (> -1 and <= 0))
        {
            throw new ArgumentOutOfRangeException(nameof(severity), $"`{nameof(severity)}` should be in (-1, 0]. Found {severity}.");
        }

        var layers = LeafGroup.Of(model);
        Tensor[] leaves = [.. layers.SelectMany(layer => layer.Leaves)];
        var tally = new ConflictTally(layers, model.Tasks.Tasks, severity);
        using var buffers = new BufferCopies(model);
        buffers.Keep();
        var random = RandomState.Capture();
        try
        {
            var count = leaves.Length == 0 ? 0 : Read(model, data.Epoch(epoch), batches, losses => tally.Add(Jacobian.Of(losses, leaves)), cancellationToken);
            return new(severity, count, tally.ToLayers());
        }
        finally
        {
            buffers.Restore();
            RandomState.Restore(random, "the state before the measurement");
        }
    }

    /// <summary>The sum of two measurements of the same layers.</summary>
    /// <param name="left">The one.</param>
    /// <param name="right">The other.</param>
    /// <exception cref="ArgumentException">They are of other layers, tasks or severities.</exception>
    public static LayerConflicts operator +(LayerConflicts left, LayerConflicts right) => Add(left, right);

    /// <summary>The sum of two measurements of the same layers.</summary>
    /// <param name="left">The one.</param>
    /// <param name="right">The other.</param>
    /// <exception cref="ArgumentException">They are of other layers, tasks or severities.</exception>
    public static LayerConflicts Add(LayerConflicts left, LayerConflicts right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return left.Severity == right.Severity && left.Kinds().SequenceEqual(right.Kinds())
            ? new(left.Severity, left.Batches + right.Batches, [.. left.Layers.Zip(right.Layers, Sum)])
            : throw new ArgumentException(
                $"Measurements should be of the same layers and tasks, with the same severity. Found {left.Layers.Count} layers at {left.Severity} and {right.Layers.Count} at {right.Severity}.",
                nameof(right));
    }

    /// <summary>A table of the layers, by rank.</summary>
    public override string ToString() => Layers.Count == 0
        ? "No layer is shared."
        : FormattableString.Invariant($"{Batches} batches, severity {Severity}\n") + TextTable.Of(
        [
            ["layer", "parameters", "score", "conflicts", "mean cosine", "worst pair"],
            .. Ranked.Select(l => new[] { l.Name, Text($"{l.Parameters:N0}"), Text($"{l.Score}"), Text($"{100 * l.Rate:0.0} %"), Text($"{l.MeanCosine:0.000}"), Pair(l.Worst) }),
        ]);

    private static int Read(MultiTaskModel model, IEnumerable<MultiTaskBatch> data, int most, Action<TaskMap<Tensor>> take, CancellationToken cancellation)
    {
        using var on = enable_grad();
        using var batches = data.GetEnumerator();
        var count = 0;
        for (; count < most; count++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                break;
            }

            var losses = model.Losses(batches.Current);
            if (losses.Count > 1)
            {
                take(losses);
            }
        }

        return count;
    }

    private static LayerConflict Sum(LayerConflict left, LayerConflict right) => left with
    {
        Pairs = [.. left.Pairs.Zip(right.Pairs, (a, b) => a with
        {
            Batches = a.Batches + b.Batches,
            Conflicts = a.Conflicts + b.Conflicts,
            CosineSum = a.CosineSum + b.CosineSum,
        })],
    };

    private static string Pair(PairConflict? pair) => pair is null ? "" : Text($"{pair.First} and {pair.Second} {100 * pair.Rate:0.0} %");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private IEnumerable<(string Layer, long Parameters, string First, string Second)> Kinds() =>
        from layer in Layers
        from pair in layer.Pairs.DefaultIfEmpty(new("", "", 0, 0, 0))
        select (layer.Name, layer.Parameters, pair.First, pair.Second);
}
