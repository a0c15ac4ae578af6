using System.Globalization;
using System.Runtime.InteropServices;
using MultiTask.Balancing;
using MultiTask.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Benchmarks;

/// <summary>The most memory that a step takes beyond a plain one, in gradients of all shared parameters. On Linux, which tells.</summary>
internal static class Memory
{
    private const int MmapThreshold = -3;

    /// <returns>0, or 1 where the system does not tell.</returns>
    public static int Run()
    {
        if (!OperatingSystem.IsLinux())
        {
            Console.Error.WriteLine("The peak of a step's memory is read from /proc, which only Linux has.");
            return 1;
        }

        _ = SetMallocOption(MmapThreshold, 1 << 16); // memory that is freed goes back at once, so that the peak is that of the step
        set_num_threads(1);
        var table = new MarkdownTable("", "3 tasks", "8 tasks");
        foreach (var tasks in (int[])[3, 8])
        {
            using var workload = new Workload(Shape.Wide, tasks);
            var gradient = 4.0 * workload.Shared.Sum(p => p.numel());
            var plain = Peak(workload.PlainStep());
            foreach (var (name, step) in (IEnumerable<(string, Action)>)[
                ("EqualWeights", workload.Step(new EqualWeights())),
                ("UPGrad", workload.Step(new UPGrad())),
                ("UPGrad, in half of the memory", workload.Step(new UPGrad { MemoryBudget = (long)(tasks * gradient / 2) })),
                ("UPGrad, in the least memory", workload.Step(new UPGrad { MemoryBudget = 1 })),
                ("UPGrad, at the representation", workload.Step(new UPGrad(), BalanceAt.Representation))])
            {
                table.Add(name, (Peak(step) - plain) / gradient);
            }
        }

        table.Print($"Peak memory beyond a plain step, in gradients of all shared parameters, {Shape.Wide.Name}");
        return 0;
    }

    /// <summary>By how many bytes the process grows in a step, at most.</summary>
    private static double Peak(Action step)
    {
        step(); // the optimizer's state
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak begins anew
        var before = Status("VmRSS:");
        step();
        return Status("VmHWM:") - before;
    }

    private static double Status(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return 1024 * double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetMallocOption(int option, int value);
}
