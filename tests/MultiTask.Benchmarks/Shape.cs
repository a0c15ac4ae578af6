using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Benchmarks;

/// <summary>A network to measure on: a trunk, what it reads and how wide its representation is.</summary>
/// <param name="Name">As in the tables.</param>
/// <param name="Sample">The shape of one sample.</param>
/// <param name="Width">The width of the representation.</param>
/// <param name="Trunk">Makes the trunk.</param>
internal sealed record Shape(string Name, long[] Sample, long Width, Func<Module<Tensor, Tensor>> Trunk)
{
    /// <summary>The reference shape: a dense trunk 64 → 256 → 256.</summary>
    public static Shape Dense { get; } = new("dense 64-256-256", [64], 256, () => Sequential(Linear(64, 256), ReLU(), Linear(256, 256), ReLU()));

    /// <summary>The trunk that papers use for MultiMNIST.</summary>
    public static Shape LeNet { get; } = new("LeNet 28×28", [1, 28, 28], 50, () => Sequential(
        Conv2d(1, 10, 5), MaxPool2d(2), ReLU(), Conv2d(10, 20, 5), MaxPool2d(2), ReLU(), Flatten(), Linear(320, 50), ReLU()));

    /// <summary>About five million parameters.</summary>
    public static Shape Large { get; } = new("dense 512-2048-2048", [512], 2048, () => Sequential(Linear(512, 2048), ReLU(), Linear(2048, 2048), ReLU()));

    /// <summary>Ten layers of a million parameters each.</summary>
    public static Shape Wide { get; } = new("dense, 10 layers of 1024", [1024], 1024, () => Sequential(
        Enumerable.Range(0, 10).SelectMany(_ => new Module<Tensor, Tensor>[] { Linear(1024, 1024), Tanh() }).ToArray()));

    /// <summary>Many small parameters: forty layers.</summary>
    public static Shape Deep { get; } = new("dense, 20 layers of 32", [32], 32, () => Sequential(
        Enumerable.Range(0, 20).SelectMany(_ => new Module<Tensor, Tensor>[] { Linear(32, 32), Tanh() }).ToArray()));
}
