using BenchmarkDotNet.Attributes;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using static TorchSharp.torch;

namespace MultiTask.Benchmarks;

/// <summary>Whole steps by method.</summary>
public class StepBenchmarks : IDisposable
{
    private Workload workload = null!;
    private Action step = null!;

    public static IEnumerable<string> Methods => ["plain", nameof(EqualWeights), nameof(UncertaintyWeighting), nameof(PCGrad), nameof(MGDA), nameof(UPGrad)];

    [Params(3, 40)]
    public int Tasks { get; set; }

    [ParamsSource(nameof(Methods))]
    public string Method { get; set; } = "";

    [GlobalSetup]
    public void Build()
    {
        set_num_threads(1);
        workload = new(Shape.Dense, Tasks);
        step = Method == "plain" ? workload.PlainStep() : workload.Step(workload.Balancer(Concrete.TypesOf<Balancer>().Single(t => t.Name == Method)));
    }

    [Benchmark]
    public void Step() => step();

    [GlobalCleanup]
    public void Dispose()
    {
        workload.Dispose();
        GC.SuppressFinalize(this);
    }
}
