using MultiTask.Metrics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Runs a model over data, in evaluation mode and without gradients.</summary>
internal static class Evaluator
{
    public static Evaluation Evaluate(MultiTaskModel model, BatchSource data, CancellationToken cancellation)
    {
        using var mode = new ModeScope(model, training: false);
        using var off = no_grad();
        var sums = new LossSums();
        var metrics = new Dictionary<string, IReadOnlyList<Metric>>(StringComparer.Ordinal);
        using var batches = data.Epoch(0).GetEnumerator();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                break;
            }

            foreach (var part in batches.Current.Parts)
            {
                TakeIn(model, part, sums, metrics);
            }
        }

        return sums.ToEvaluation(model.Tasks, task => [.. metrics[task].Select(m => new MetricValue(m.Name, m.Compute(), m.HigherIsBetter))]);
    }

    private static void TakeIn(MultiTaskModel model, BatchPart part, LossSums sums, Dictionary<string, IReadOnlyList<Metric>> metrics)
    {
        var outputs = model.Outputs(part.Inputs, part.Targets.Tasks);
        foreach (var (name, loss) in HostValues.Of(model.Losses(outputs, part.Targets, part.Weights)))
        {
            var task = model.Tasks[name];
            var weights = part.Weights.TryGetValue(name, out var own) ? own : null;
            sums.Add(name, loss, LabelTotal.Of(task, part.Targets[name], weights));
            if (!metrics.TryGetValue(name, out var gathered))
            {
                metrics[name] = gathered = task.Metrics?.Invoke() ?? task.CreateMetrics();
            }

            foreach (var metric in gathered)
            {
                metric.Update(outputs[name], part.Targets[name], weights);
            }
        }
    }
}
