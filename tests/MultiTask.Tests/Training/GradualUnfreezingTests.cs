using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>The last layers first, one more group each epoch (ULMFiT).</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class GradualUnfreezingTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly MultiTaskDataset data = Rig.Data(dtype: ScalarType.Float32);

    public void Dispose()
    {
        data.Dispose();
        directory.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void One_more_group_learns_after_so_many_epochs(int every)
    {
        using var model = Rig.Model(batchNorm: true, dtype: ScalarType.Float32);
        var layers = Layers(model); // out, norm, in
        using var trainer = new Trainer(model, new MGDA(), p => optim.AdamW(p, 0.01, weight_decay: 0.1));
        var states = new List<string[]> { States() };
        var modes = new List<bool[]>();
        trainer.Fit(data.Batches(6), data.Batches(6), new()
        {
            Epochs = 3 * every,
            RestoreBest = false,
            Callbacks =
            [
                new Hook(step: (_, _) => modes.Add([.. layers.Select(l => l.training)]), epoch: (_, _) => states.Add(States())),
                new GradualUnfreezing([[layers[0]], [layers[1]], [layers[2]]], every),
            ],
        });

        for (var epoch = 0; epoch < 3 * every; epoch++)
        {
            var moved = states[epoch].Zip(states[epoch + 1]).Select(s => s.First != s.Second);
            moved.Should().Equal([true, epoch >= every, epoch >= 2 * every], "in epoch {0}", epoch);
            modes[2 * epoch].Should().Equal([true, epoch >= every, epoch >= 2 * every], "statistics of what is frozen stay");
        }

        model.parameters().Should().OnlyContain(p => p.requires_grad);

        string[] States() => [.. layers.Select(Rig.Bits)];
    }

    [Fact]
    public void An_empty_first_group_lets_the_heads_train_alone()
    {
        using var model = Rig.Model();
        using var wide = Rig.Data();
        var trunk = Rig.Bits(model.Trunk);
        var heads = Rig.Bits(model);
        using var trainer = new Trainer(model, new PCGrad(), Rig.Adam());
        trainer.Fit(wide.Batches(6), options: new() { Epochs = 1, Callbacks = [new Hook(step: (_, _) => Rig.Bits(model.Trunk).Should().Be(trunk)), new GradualUnfreezing([[], [model.Trunk]])] });
        Rig.Bits(model.Trunk).Should().Be(trunk);
        Rig.Bits(model).Should().NotBe(heads);
    }

    /// <summary>What remembers gradients entry by entry forgets them when there are more entries.</summary>
    [Theory]
    [InlineData("uncertainty")]
    [InlineData("PCGrad")]
    [InlineData("DBMTL")]
    public void A_run_that_is_resumed_anywhere_ends_like_one_that_was_not(string balancer)
    {
        string whole;
        using (var session = new Session(balancer, 1))
        {
            session.Fit(data, null);
            whole = session.State;
        }

        var file = directory.File("run.ckpt");
        for (var k = 1; k < 12; k++)
        {
            using (var first = new Session(balancer, 1))
            {
                first.Fit(data, new Hook(step: (trainer, report) => Stop(trainer, report.Step == k)), file);
            }

            using var second = new Session(balancer, 9);
            second.Trainer.LoadCheckpoint(file);
            second.Fit(data, null);
            second.State.Should().Be(whole, "stopped after step {0}", k);
        }

        static void Stop(Trainer trainer, bool now)
        {
            if (now)
            {
                trainer.RequestStop();
            }
        }
    }

    /// <summary>A checkpoint at the end of an epoch is written before the next group thaws.</summary>
    [Fact]
    public void A_run_that_dies_between_two_epochs_goes_on()
    {
        var file = directory.File("run.ckpt");
        string whole;
        using (var session = new Session("DBMTL", 1))
        {
            session.Fit(data, null);
            whole = session.State;
        }

        using (var first = new Session("DBMTL", 1))
        {
            first.Invoking(s => s.Fit(data, new Hook(epoch: (_, report) => Die(report.Epoch == 1)), file)).Should().Throw<NotSupportedException>();
        }

        using var second = new Session("DBMTL", 9);
        second.Trainer.LoadCheckpoint(file);
        second.Fit(data, null);
        second.State.Should().Be(whole);

        static void Die(bool now)
        {
            if (now)
            {
                throw new NotSupportedException("dead");
            }
        }
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        var (a, b) = (Linear(1, 1), Linear(2, 2));
        FluentActions.Invoking(() => new GradualUnfreezing([])).Should().Throw<ArgumentException>().WithMessage("*at least one group. Found none*");
        FluentActions.Invoking(() => new GradualUnfreezing([[a], [b, null!]])).Should().Throw<ArgumentException>().WithMessage("*Group 1*null*");
        FluentActions.Invoking(() => new GradualUnfreezing([null!])).Should().Throw<ArgumentException>().WithMessage("*null*");
        FluentActions.Invoking(() => new GradualUnfreezing([[a], [Sequential(b, a)]])).Should().Throw<ArgumentException>().WithMessage("*no parameter in common*[1, 1]*groups 0 and 1*");
        FluentActions.Invoking(() => new GradualUnfreezing([[a]], 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`everyEpochs`*at least 1*0*");
        using var model = Rig.Model(dtype: ScalarType.Float32);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Invoking(t => t.Fit(data.Batches(6), options: new() { Callbacks = [new GradualUnfreezing([[model.Trunk], [b]])] })).Should().Throw<ArgumentException>().WithMessage("*modules of the model*Group 1*[2, 2]*lacks*");
        model.parameters().Should().OnlyContain(p => p.requires_grad);
    }

    private static nn.Module[] Layers(MultiTaskModel model)
    {
        var layers = model.Trunk.children().Single().children().ToArray();
        return layers is [var first, BatchNorm1d norm, _, .., var last] ? [last, norm, first] : [layers[^1], layers[0]];
    }

    private sealed class Session : IDisposable
    {
        private readonly MultiTaskModel model;
        private readonly Balancer balancer;

        public Session(string method, long seed)
        {
            model = Rig.Model(seed, dropout: true, batchNorm: true, dtype: ScalarType.Float32);
            balancer = method switch { "uncertainty" => new UncertaintyWeighting(model.Tasks.Values), "PCGrad" => new PCGrad(3), _ => new DBMTL(Rig.Tasks) };
            Trainer = new(model, balancer, Groups);
        }

        public Trainer Trainer { get; }

        public string State => $"{Rig.Bits(model)} {Rig.Bits(balancer)} {Rig.Bits(Trainer.Optimizer)}";

        public void Fit(MultiTaskDataset data, TrainerCallback? callback, string? path = null) => Trainer.Fit(data.Batches(4), options: new()
        {
            Epochs = 4,
            CheckpointPath = path,
            Schedule = o => optim.lr_scheduler.StepLR(o, 1, 0.5),
            Callbacks = [new GradualUnfreezing([.. Layers(model).Select(l => new[] { l })]), .. callback is null ? Array.Empty<TrainerCallback>() : [callback]],
        });

        public void Dispose()
        {
            Trainer.Dispose();
            balancer.Dispose();
            model.Dispose();
        }

        private optim.Optimizer Groups(IReadOnlyList<Parameter> parameters)
        {
            var (trunk, others) = parameters.Split(model.Trunk);
            return optim.Adam(new Adam.ParamGroup[] { new(others, 0.02), new(trunk, 0.005) });
        }
    }
}
