using BenchmarkDotNet.Attributes;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Benchmarks;

/// <summary>Gradients of several losses, and their inner products, by number of tasks and of parameters.</summary>
public class JacobianBenchmarks : IDisposable
{
    private Workload workload = null!;

    [Params(3, 8, 40)]
    public int Tasks { get; set; }

    [Params(64, 256, 1024)]
    public int Width { get; set; }

    [GlobalSetup]
    public void Build()
    {
        set_num_threads(1);
        workload = new(new Shape("dense", [64], Width, () => Sequential(Linear(64, Width), ReLU(), Linear(Width, Width), ReLU())), Tasks);
    }

    [Benchmark]
    public double Jacobian()
    {
        using var scope = NewDisposeScope();
        return workload.Jacobian().Losses.Values[0];
    }

    [Benchmark]
    public double Gramian()
    {
        using var scope = NewDisposeScope();
        return workload.Jacobian().ToGramian()[0, 0];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        workload.Dispose();
        GC.SuppressFinalize(this);
    }
}
