using MultiTask.Tests.Contracts;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Benchmarks;

/// <summary>Many steps of every method: native tensors alive and memory of the process must not grow.</summary>
internal static class Soak
{
    private const double AllowedMegabytes = 24;

    /// <returns>0, or 1 if anything grew.</returns>
    public static int Run(int steps)
    {
        set_num_threads(1);
        var shape = new Shape("dense 16-32-32", [16], 32, () => Sequential(Linear(16, 32), ReLU(), Linear(32, 32), ReLU()));
        var table = new MarkdownTable("", "tensors at first", "in the end", "MB at first", "in the end", "");
        var failures = 0;
        foreach (var type in Concrete.TypesOf<Balancer>())
        {
            using var workload = new Workload(shape, 3);
            var balancer = workload.Balancer(type);
            var step = workload.Step(balancer);
            Repeat(step, Math.Max(1, steps / 20)); // fills buffers and compiles
            var before = Measure();
            Repeat(step, steps);
            var after = Measure();
            var grew = after.Tensors > before.Tensors || after.Megabytes > before.Megabytes + AllowedMegabytes;
            failures += grew ? 1 : 0;
            table.Add(balancer.GetName(), $"{before.Tensors}", $"{after.Tensors}", MarkdownTable.Text(before.Megabytes), MarkdownTable.Text(after.Megabytes), grew ? "GREW" : "");
        }

        table.Print($"{steps} steps of every method");
        Console.WriteLine(failures == 0 ? "\nNothing grew." : $"\n{failures} methods grew.");
        return failures == 0 ? 0 : 1;
    }

    private static void Repeat(Action step, int times)
    {
        for (var i = 0; i < times; i++)
        {
            step();
        }
    }

    private static (long Tensors, double Megabytes) Measure()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return (Tensor.TotalCount, Environment.WorkingSet / 1048576.0);
    }
}
