using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using MultiTask.Benchmarks;

return args switch
{
    ["table", .. var rest] => Table(rest),
    ["memory"] => Memory.Run(),
    ["soak", .. var rest] => Soak.Run(rest is [var steps] ? int.Parse(steps, System.Globalization.CultureInfo.InvariantCulture) : 20_000),
    _ => Benchmark(args),
};

static int Table(string[] rest)
{
    new Table(isShort: rest is ["--short"]).Print();
    return 0;
}

// In this process, because a project of BenchmarkDotNet's own would copy libtorch into each of its output folders.
static int Benchmark(string[] args)
{
    var config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
    BenchmarkSwitcher.FromAssembly(typeof(Workload).Assembly).Run(args, config);
    return 0;
}
