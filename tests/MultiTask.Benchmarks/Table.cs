using System.Diagnostics;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Tests.Contracts;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Benchmarks;

/// <summary>The tables of docs/performance.md: ratios of steps that are timed in turns, in one run.</summary>
/// <param name="isShort">Few rounds, and a few methods: to see that everything runs, not to measure.</param>
internal sealed class Table(bool isShort)
{
    private static readonly int[] TaskCounts = [3, 8, 40];
    private readonly int rounds = isShort ? 1 : 15;
    private readonly double slice = isShort ? 1 : 30;

    public void Print()
    {
        set_num_threads(1);
        Methods(Shape.Dense, TaskCounts, BalanceAt.SharedParameters, Types());
        Methods(Shape.Dense, TaskCounts, BalanceAt.Representation, [.. Types().Where(IsGradientMethod)]);
        Solvers();
        Parts();
        Options();
        Training();
        Type[] few = [typeof(EqualWeights), typeof(PCGrad), typeof(MGDA), typeof(UPGrad)];
        Methods(Shape.LeNet, [2, 8], BalanceAt.SharedParameters, few);
        Methods(Shape.Deep, [3], BalanceAt.SharedParameters, few);
        Methods(Shape.Large, [3], BalanceAt.SharedParameters, few);
        Threads(few);
    }

    private Type[] Types() => [.. Concrete.TypesOf<Balancer>().Where(type => !isShort || Array.IndexOf(["EqualWeights", "FAMO", "UPGrad", "GradNorm"], type.Name) >= 0)];

    private static bool IsGradientMethod(Type type) => type.IsAssignableTo(typeof(GramianWeighting));

    /// <summary>Whole steps of methods, for some numbers of tasks.</summary>
    private void Methods(Shape shape, int[] taskCounts, BalanceAt at, Type[] types)
    {
        var isReference = shape == Shape.Dense;
        var table = new MarkdownTable(["", .. taskCounts.SelectMany(k => (string[])[
            $"{k} tasks: ms", "× plain", .. at == BalanceAt.SharedParameters ? (string[])["× least"] : [], .. isReference ? (string[])["× faster than LibMTL"] : []])]);
        foreach (var (column, tasks) in taskCounts.Index())
        {
            using var workload = new Workload(shape, tasks);
            var steps = Steps(workload, at, types);
            var times = Interleaved.Time([.. steps.Select(s => s.Step)], rounds, slice);
            for (var i = 0; i < steps.Count; i++)
            {
                var milliseconds = Interleaved.Median(times[i]);
                table.Add(steps[i].Name, milliseconds, Interleaved.Ratio(times[i], times[0]));
                if (at == BalanceAt.SharedParameters)
                {
                    table.Add(steps[i].Name, Interleaved.Ratio(times[i], times[1]));
                }

                if (isReference)
                {
                    table.Add(steps[i].Name, LibMTL.Milliseconds(steps[i].Name, column, at) / milliseconds);
                }
            }
        }

        table.Print($"{shape.Name}, {(at == BalanceAt.SharedParameters ? "gradients at the shared parameters" : "gradients at the representation")}");
    }

    private static List<(string Name, Action Step)> Steps(Workload workload, BalanceAt at, Type[] types)
    {
        List<(string Name, Action Step)> steps = [("plain: loss.backward()", workload.PlainStep())];
        if (at == BalanceAt.SharedParameters)
        {
            steps.Add(("least: a backward pass for each task", workload.LeastOfGradients()));
        }

        steps.AddRange(types.Select(workload.Balancer).Where(b => at == BalanceAt.SharedParameters || !b.AtParametersOnly).Select(b => (b.GetName(), workload.Step(b, at))));
        return steps;
    }

    /// <summary>The weights from the Gramian, as a part of the step.</summary>
    private void Solvers()
    {
        var table = new MarkdownTable(["", .. ((int[])[3, 10, 40]).SelectMany(k => (string[])[$"{k} tasks: µs", "% of the step"])]);
        foreach (var tasks in (int[])[3, 10, 40])
        {
            using var workload = new Workload(Shape.Dense, tasks);
            foreach (var balancer in Types().Where(IsGradientMethod).Select(workload.Balancer).Cast<GramianWeighting>())
            {
                using var scope = NewDisposeScope();
                workload.Backward(balancer, BalanceAt.SharedParameters);
                var gramian = balancer.LastGramian!;
                var times = Interleaved.Time([() => balancer.Weigh(gramian), workload.Step(balancer)], Math.Min(rounds, 5), slice);
                table.Add(balancer.GetName(), 1000 * Interleaved.Median(times[0]), 100 * Interleaved.Ratio(times[0], times[1]));
            }
        }

        table.Print("The solver: weights from the Gramian");
    }

    /// <summary>What a Gramian method does beside the least, each by itself.</summary>
    private void Parts()
    {
        var table = new MarkdownTable(["", .. TaskCounts.SelectMany(k => (string[])[$"{k} tasks: µs", "% of least"])]);
        foreach (var tasks in TaskCounts)
        {
            using var workload = new Workload(Shape.Dense, tasks);
            using var scope = NewDisposeScope();
            var jacobian = workload.Jacobian();
            var gramian = jacobian.ToGramian();
            var upgrad = new UPGrad();
            var weights = upgrad.Weigh(gramian);
            (string Name, Action Part)[] parts =
            [
                ("least: a backward pass for each task", workload.LeastOfGradients()),
                ("the same, gradients kept apart", workload.LeastOfGradients(keep: true)),
                ("Gramian", () => Gramian.Of(jacobian)),
                ("weights: UPGrad", () => upgrad.Weigh(gramian)),
                ("weighted sum", () => jacobian.Combine(weights).Dispose()),
                ("heads' backward passes, one by one", workload.HeadsBackward(together: false)),
                ("heads' backward passes, together", workload.HeadsBackward(together: true)),
            ];
            var times = Interleaved.Time([.. parts.Select(p => p.Part)], rounds, slice);
            for (var i = 0; i < parts.Length; i++)
            {
                table.Add(parts[i].Name, 1000 * Interleaved.Median(times[i]), 100 * Interleaved.Ratio(times[i], times[0]));
            }
        }

        table.Print("The parts of a step, dense 64-256-256");
    }

    /// <summary>What the dear and the cheap ways of a method cost.</summary>
    private void Options()
    {
        var table = new MarkdownTable(["", .. TaskCounts.SelectMany(k => (string[])[$"{k} tasks: ms", "× plain", "× least"])]);
        foreach (var tasks in TaskCounts)
        {
            using var workload = new Workload(Shape.Dense, tasks);
            (string Name, Action Step)[] steps =
            [
                ("plain: loss.backward()", workload.PlainStep()),
                ("least: a backward pass for each task", workload.LeastOfGradients()),
                ("UPGrad", workload.Step(new UPGrad())),
                ("UPGrad, heads weighted", workload.Step(new UPGrad { WeightHeads = true })),
                ("UPGrad, weights of every 10th step", workload.Step(new PeriodicWeights(workload.Names, new UPGrad(), 10))),
                ("UPGrad, at the last shared layer", workload.Step(new UPGrad(), shared: workload.LastLayer)),
                ("UPGrad, at the representation", workload.Step(new UPGrad(), BalanceAt.Representation)),
                ("UPGrad, in the least memory", workload.Step(new UPGrad { MemoryBudget = 1 })),
                ("FAMO", workload.Step(new FAMO(workload.Names))),
                ("FAMO, amortized", workload.Step(new FAMO(workload.Names, amortized: true))),
                ("UncertaintyWeighting", workload.Step(workload.Balancer(typeof(UncertaintyWeighting)))),
                ("plain, FusedAdam", workload.PlainStep(fused: true)),
                ("EqualWeights, FusedAdam", workload.Step(new EqualWeights(), fused: true)),
                ("UPGrad, FusedAdam", workload.Step(new UPGrad(), fused: true)),
                ("FAMO, FusedAdam", workload.Step(new FAMO(workload.Names), fused: true)),
                ("UncertaintyWeighting, FusedAdam", workload.Step(workload.Balancer(typeof(UncertaintyWeighting)), fused: true)),
            ];
            var times = Interleaved.Time([.. steps.Select(s => s.Step)], rounds, slice);
            for (var i = 0; i < steps.Length; i++)
            {
                table.Add(steps[i].Name, Interleaved.Median(times[i]), Interleaved.Ratio(times[i], times[0]), Interleaved.Ratio(times[i], times[1]));
            }
        }

        table.Print("Options, dense 64-256-256");
    }

    /// <summary>The trainer against a loop by hand, on the same data, both of which shuffle and select.</summary>
    private void Training()
    {
        var table = new MarkdownTable("", "by hand: ms a step", "Trainer: × by hand", "FusedAdam by hand: × by hand", "Trainer with FusedAdam: × by hand", "reading batches: % of a step");
        foreach (var (shape, tasks) in (IEnumerable<(Shape, int)>)[.. TaskCounts.Select(k => (Shape.Dense, k)), (Shape.Deep, 3)])
        {
            using var workload = new Workload(shape, tasks);
            using var data = workload.Data(samples: Workload.Batch * 20);
            var epochs = isShort ? 1 : 5;
            Action[] ways =
            [
                workload.LoopByHand(data, epochs, Adam),
                Trainer(Adam),
                workload.LoopByHand(data, epochs, Fused),
                Trainer(Fused),
                Reading,
            ];
            var times = Interleaved.Time(ways, rounds, slice);
            table.Add(
                $"{shape.Name}, {tasks} tasks",
                Interleaved.Median(times[0]) / (20.0 * epochs),
                Interleaved.Ratio(times[1], times[0]),
                Interleaved.Ratio(times[2], times[0]),
                Interleaved.Ratio(times[3], times[0]),
                100 * Interleaved.Ratio(times[4], times[1]));

            Action Trainer(Func<IEnumerable<Parameter>, optim.Optimizer> optimizer) => () =>
            {
                using var t = new Trainer(workload.Model, new EqualWeights(), p => optimizer(p));
                t.Fit(data.Batches(Workload.Batch), options: new() { Epochs = epochs });
            };

            void Reading()
            {
                for (var epoch = 0; epoch < epochs; epoch++)
                {
                    using var batches = data.Batches(Workload.Batch).Epoch(epoch).GetEnumerator();
                    while (true)
                    {
                        using var scope = NewDisposeScope();
                        if (!batches.MoveNext())
                        {
                            break;
                        }
                    }
                }
            }
        }

        table.Print("The trainer, equal weights");

        optim.Optimizer Adam(IEnumerable<Parameter> parameters) => optim.Adam(parameters, 1e-3);

        optim.Optimizer Fused(IEnumerable<Parameter> parameters) => new FusedAdam(parameters, 1e-3);
    }

    private void Threads(Type[] types)
    {
        var table = new MarkdownTable("", "1 thread: ms", "2 threads: ms");
        using var workload = new Workload(Shape.Dense, 8);
        var steps = Steps(workload, BalanceAt.SharedParameters, types);
        double[][] times = [.. ((int[])[1, 2]).Select(threads =>
        {
            set_num_threads(threads);
            return Interleaved.Time([.. steps.Select(s => s.Step)], Math.Min(rounds, 7), slice).Select(t => Interleaved.Median(t)).ToArray();
        })];
        set_num_threads(1);
        for (var i = 0; i < steps.Count; i++)
        {
            table.Add(steps[i].Name, times[0][i], times[1][i]);
        }

        table.Print("Threads, 8 tasks");
    }
}
