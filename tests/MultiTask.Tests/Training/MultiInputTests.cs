using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>Tasks with data of their own, of their own widths, through adapters.</summary>
public sealed class MultiInputTests : IDisposable
{
    private readonly MultiTaskDataset narrow = Source("narrow", width: 2, samples: 20);
    private readonly MultiTaskDataset wide = Source("wide", width: 7, samples: 9);

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var source in new[] { "together", "round robin", "proportional", "temperature", "capped" })
            {
                foreach (var balancer in new[] { "equal", "PCGrad", "DWA" })
                {
                    cases.Add(source, balancer);
                }
            }

            return cases;
        }
    }

    public void Dispose()
    {
        narrow.Dispose();
        wide.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_way_to_read_them_learns_both(string kind, string kindOfBalancer)
    {
        using var model = Model();
        using Balancer balancer = kindOfBalancer == "equal" ? new EqualWeights() : kindOfBalancer == "PCGrad" ? new PCGrad() : new DWA(model.Tasks.Values);
        using var trainer = new Trainer(model, balancer, Rig.Adam(0.02));
        var all = new Together([narrow.Batches(20), wide.Batches(9)]);
        var before = trainer.Evaluate(all);
        var history = trainer.Fit(Combined(kind), all, new() { Steps = 120 });
        var after = trainer.Evaluate(all);
        after["narrow"].Loss.Should().BeLessThan(before["narrow"].Loss / 2);
        after["wide"].Loss.Should().BeLessThan(before["wide"].Loss / 2);
        after["narrow"].Labels.Should().Be(20);
        after["wide"].Labels.Should().Be(9);
        history.Epochs[^1].Validation!.Tasks.Count.Should().Be(2);
    }

    [Fact]
    public void Micro_batches_of_single_sources_make_the_step_of_both_together()
    {
        string Train(BatchSource source, int accumulate)
        {
            using var model = Model();
            using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd(0.05));
            trainer.Fit(source, options: new() { Steps = 3, AccumulateBatches = accumulate });
            return string.Join(" ", model.parameters().SelectMany(Rig.Numbers).Select(x => x.ToString("0.0000000000", System.Globalization.CultureInfo.InvariantCulture)));
        }

        BatchSource[] sources = [narrow.Batches(5, shuffle: false), wide.Batches(3, shuffle: false)];
        Train(new RoundRobin(sources), 2).Should().Be(Train(new Together(sources), 1));
    }

    [Fact]
    public void A_loss_in_several_parts_is_the_mean_over_all_its_labels()
    {
        using var scope = NewDisposeScope();
        using var first = Rig.Data(samples: 5, seed: 1, missing: 0.3);
        using var second = Rig.Data(samples: 9, seed: 2, missing: 0.3);
        using var both = new MultiTaskDataset(
            cat([first.Inputs.Single, second.Inputs.Single]), first.Targets.Map((t, labels) => cat([labels, second.Targets[t]])));
        BatchPart Part(MultiTaskDataset d) => new(d.Inputs.Map(t => t.clone()), d.Targets.Map((_, t) => t.clone()));
        foreach (var balancer in new Func<Balancer>[] { () => new EqualWeights(), () => new MGDA() })
        {
            using var model = Rig.Model();
            using var twin = Rig.Model();
            using var trainer = new Trainer(model, balancer(), Rig.Sgd());
            using var other = new Trainer(twin, balancer(), Rig.Sgd());
            var parts = new Batches(Rig.Tasks, _ => [() => new MultiTaskBatch([Part(first), Part(second)])]);
            var found = trainer.Fit(parts, parts, new() { Epochs = 3, RestoreBest = false }).Epochs[^1];
            var expected = other.Fit(both.Batches(14, shuffle: false), both.Batches(14, shuffle: false), new() { Epochs = 3, RestoreBest = false }).Epochs[^1];
            model.parameters().SelectMany(Rig.Numbers).Zip(twin.parameters().SelectMany(Rig.Numbers), (x, y) => Math.Abs(x - y)).Max().Should().BeLessThan(1e-12);
            foreach (var task in Rig.Tasks)
            {
                found.Train[task].Labels.Should().Be(both.LabelCounts[task]);
                found.Train[task].Loss.Should().BeApproximately(expected.Train[task].Loss, 1e-12);
                found.Validation![task].Loss.Should().BeApproximately(expected.Validation![task].Loss, 1e-12);
            }
        }
    }

    private static MultiTaskDataset Source(string task, int width, int samples)
    {
        var random = new Random(width);
        var x = Rig.Array(samples, () => Rig.Array(width, () => (random.NextDouble() * 2) - 1));
        using var data = MultiTaskDataset.FromArrays(x, [(task, x.Select(row => row.Sum() + 1).ToArray())]);
        return data.To(ScalarType.Float64);
    }

    private static MultiTaskModel Model()
    {
        manual_seed(1);
        return new MultiTaskModel(new HardSharing(Sequential(Linear(4, 8), Tanh())),
        [
            LearningTask.Regression("narrow", Linear(8, 1), adapter: Linear(2, 4)),
            LearningTask.Regression("wide", Linear(8, 1), adapter: Linear(7, 4)),
        ]).to(ScalarType.Float64);
    }

    private BatchSource Combined(string kind)
    {
        BatchSource[] sources = [narrow.Batches(5), wide.Batches(3)];
        return kind switch
        {
            "together" => new Together(sources),
            "round robin" => new RoundRobin(sources),
            "proportional" => new ProportionalSampling(sources),
            "temperature" => new TemperatureSampling(sources),
            _ => new CappedProportionalSampling(sources, 10),
        };
    }
}
