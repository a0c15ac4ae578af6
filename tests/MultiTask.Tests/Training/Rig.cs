using System.Security.Cryptography;
using System.Text.Json;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>Small seeded data and models to train: two regressions, "a" and "b", and "c" with three classes, on four inputs.</summary>
internal static class Rig
{
    public static readonly string[] Tasks = ["a", "b", "c"];

    /// <summary>A data set that owns its tensors; a fraction of the labels of each task is missing.</summary>
    public static MultiTaskDataset Data(int samples = 12, int seed = 1, double missing = 0, ScalarType dtype = ScalarType.Float64)
    {
        var random = new Random(seed);
        var x = Array(samples, () => new[] { Normal(random), Normal(random), Normal(random), Normal(random) });
        double? Label(double value) => random.NextDouble() < missing ? null : value;
        var a = Array(samples, i => Label(x[i][0] - x[i][1] + (0.1 * Normal(random))));
        var b = Array(samples, i => Label((x[i][2] * x[i][3]) + (0.1 * Normal(random))));
        var c = Array(samples, i => Label(Math.Clamp(Math.Round(x[i][0] + 1), 0, 2)) is { } k ? (long?)k : null);
        using var data = MultiTaskDataset.FromArrays(x, [("a", a), ("b", b), ("c", c)]);
        return data.To(dtype);
    }

    /// <summary>A model whose initial weights come from a seed.</summary>
    public static MultiTaskModel Model(long seed = 1, bool dropout = false, bool batchNorm = false, ScalarType dtype = ScalarType.Float64)
    {
        manual_seed(seed);
        var model = new MultiTaskModel(new HardSharing(Encoder(dropout, batchNorm)), LearningTasks());
        model.to(dtype);
        return model;
    }

    public static LearningTask[] LearningTasks() =>
    [
        LearningTask.Regression("a", Linear(6, 1)),
        LearningTask.Regression("b", Linear(6, 1)),
        LearningTask.Classification("c", Linear(6, 3)),
    ];

    public static Sequential Encoder(bool dropout = false, bool batchNorm = false)
    {
        List<(string, Module<Tensor, Tensor>)> layers = [("in", Linear(4, 6))];
        if (batchNorm)
        {
            layers.Add(("norm", BatchNorm1d(6)));
        }

        layers.Add(("tanh", Tanh()));
        if (dropout)
        {
            layers.Add(("drop", Dropout(0.3)));
        }

        layers.Add(("out", Linear(6, 6)));
        return Sequential(layers);
    }

    public static Func<IReadOnlyList<Parameter>, optim.Optimizer> Sgd(double rate = 0.1, double momentum = 0) => p => optim.SGD(p, rate, momentum);

    public static Func<IReadOnlyList<Parameter>, optim.Optimizer> Adam(double rate = 0.02) => p => optim.Adam(p, rate);

    /// <summary>Every number of a module's state.</summary>
    public static Dictionary<string, double[]> State(nn.Module module) => module.state_dict().ToDictionary(p => p.Key, p => Numbers(p.Value));

    public static double[] Numbers(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float64).reshape(-1).data<double>().ToArray();
    }

    /// <summary>Every bit of a module's state, as a line with a short hash for each tensor.</summary>
    public static string Bits(nn.Module module) => string.Join('\n', module.state_dict().Select(p => $"{p.Key} {Hash(p.Value.cpu().bytes.ToArray())}"));

    /// <summary>Every bit of an optimizer's state, hashed.</summary>
    public static string Bits(optim.Optimizer optimizer)
    {
        using var stream = new MemoryStream();
        MultiTask.Training.OptimizerState.Save(optimizer, stream);
        return Hash(stream.ToArray());
    }

    public static string Hash(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes), 0, 8);

    /// <summary>A history, less the time that it took.</summary>
    public static string Text(TrainingHistory history) =>
        history.Stopped + JsonSerializer.Serialize(history.Epochs.Select(e => e with { Duration = default }), CheckpointManifest.Json);

    public static T[] Array<T>(int count, Func<int, T> make) => [.. Enumerable.Range(0, count).Select(make)];

    public static T[] Array<T>(int count, Func<T> make) => Array(count, _ => make());

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}

/// <summary>A callback of functions.</summary>
internal sealed class Hook(Action<Trainer, StepReport>? step = null, Action<Trainer, EpochReport>? epoch = null) : TrainerCallback
{
    public override void OnStep(Trainer trainer, StepReport report) => step?.Invoke(trainer, report);

    public override void OnEpoch(Trainer trainer, EpochReport report) => epoch?.Invoke(trainer, report);
}

/// <summary>Progress that is told at once, on the thread that trains.</summary>
internal sealed class Told<T> : IProgress<T>
{
    public List<T> All { get; } = [];

    public void Report(T value) => All.Add(value);
}
