using BenchmarkDotNet.Attributes;
using MultiTask.Balancing;

namespace MultiTask.Benchmarks;

/// <summary>Weights from a Gramian, by number of tasks.</summary>
[MemoryDiagnoser]
public class SolverBenchmarks
{
    private static readonly GramianWeighting[] Solvers = [new MGDA(), new PCGrad(), new CAGrad(), new NashMTL(), new UPGrad(), new FairGrad(), new AlignedMTL()];
    private Gramian gramian = null!;

    public static IEnumerable<string> Methods => Solvers.Select(s => s.GetName());

    [Params(3, 10, 40)]
    public int Tasks { get; set; }

    [ParamsSource(nameof(Methods))]
    public string Method { get; set; } = "";

    [GlobalSetup]
    public void Draw()
    {
        var random = new Random(1);
        var rows = Enumerable.Range(0, Tasks).Select(_ => Enumerable.Range(0, 2 * Tasks).Select(_ => (random.NextDouble() * 2) - 0.7).ToArray()).ToArray();
        var entries = new double[Tasks, Tasks];
        for (var i = 0; i < Tasks; i++)
        {
            for (var j = 0; j < Tasks; j++)
            {
                entries[i, j] = rows[i].Zip(rows[j], (a, b) => a * b).Sum();
            }
        }

        gramian = new(entries);
    }

    [Benchmark]
    public double[] Weigh() => Solvers.Single(s => s.GetName() == Method).Weigh(gramian);
}
