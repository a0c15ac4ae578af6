using System.IO.Compression;
using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static TorchSharp.torch.optim.lr_scheduler;

namespace MultiTask.Tests.Training;

/// <summary>A checkpoint goes into the trainer that it is for, or nowhere.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly MultiTaskDataset data = Rig.Data();

    private string File => directory.File("run.ckpt");

    public void Dispose()
    {
        directory.Dispose();
        data.Dispose();
    }

    [Theory]
    [InlineData("truncated", "*run.ckpt*")]
    [InlineData("empty", "*run.ckpt*")]
    [InlineData("text", "*run.ckpt*")]
    [InlineData("flipped", "*run.ckpt*damaged*")]
    [InlineData("another zip", "*run.ckpt*another kind of zip*")]
    [InlineData("newer", "*run.ckpt*newer version 2*")]
    [InlineData("without optimizer", "*run.ckpt*no entry 'optimizer.safetensors'*")]
    public void A_file_that_is_none_is_refused(string what, string message)
    {
        Save();
        Damage(what);
        Refused(message);
    }

    [Fact]
    public void A_missing_file_is_refused() =>
        Setup().Invoking(t => t.LoadCheckpoint(directory.File("none.ckpt"))).Should().Throw<FileNotFoundException>();

    [Fact]
    public void Another_model_is_refused_by_what_differs()
    {
        Save();
        Refused("*'heads.d.weight'*missing*", model: () => Model(Rig.Encoder(), [.. Rig.LearningTasks(), LearningTask.Regression("d", Linear(6, 1))]));
        Refused("*'heads.c.weight'*unexpected*", model: () => Model(Rig.Encoder(), Rig.LearningTasks()[..2]));
        Refused("*'heads.c.weight' should be Float64 [4, 6]. Found Float64 [3, 6]*", model: () => Model(Rig.Encoder(), [.. Rig.LearningTasks()[..2], LearningTask.Classification("c", Linear(6, 4))]));
        Refused("*Float32*Float64*", model: () => Rig.Model(dtype: ScalarType.Float32));
    }

    [Fact]
    public void Another_balancer_is_refused()
    {
        Save(balancer: () => new UncertaintyWeighting(TaskMap.Create(Rig.Tasks.Select(t => (t, Likelihood.Gaussian)))));
        Refused("*PCGrad*unexpected*");
        Save();
        Refused("*UncertaintyWeighting*missing*", balancer: () => new UncertaintyWeighting(TaskMap.Create(Rig.Tasks.Select(t => (t, Likelihood.Gaussian)))));
        Save(balancer: () => new DWA(["a", "b"]));
        Refused("*DWA*'epochs.c'*missing*", balancer: () => new DWA(Rig.Tasks));
    }

    /// <summary>The state of PCGrad and of RLW are one seed and one count each: a run went on under the other.</summary>
    [Fact]
    public void Another_method_with_state_alike_is_refused()
    {
        Save();
        Refused("*another model or method*HardSharing; RLW; a: RegressionTask*Found HardSharing; PCGrad;*", balancer: () => new RLW());
        Save(balancer: () => new MGDA());
        Refused("*LogLosses of MGDA*Found HardSharing; MGDA;*", balancer: () => new LogLosses(new MGDA()));
    }

    [Fact]
    public void Another_optimizer_is_refused()
    {
        Save();
        Refused("*optimizer should be *SGD. Found *Adam*", optimizer: Rig.Sgd());
        Refused("*2 parameter groups. Found 1*", optimizer: p => new TorchSharp.Modules.Adam([new TorchSharp.Modules.Adam.ParamGroup(p.Take(1)), new(p.Skip(1))]));
        Refused("*parameters. Found*", optimizer: p => optim.Adam(p.Skip(1), 0.1));
    }

    [Fact]
    public void Other_data_are_refused()
    {
        Save();
        using var other = Rig.Data(samples: 13);
        foreach (var (train, validation) in new (BatchSource, BatchSource?)[]
        {
            (data.Batches(4), data.Batches(12)), (data.Batches(5, seed: 1), data.Batches(12)), (other.Batches(5), data.Batches(12)),
            (data.Batches(5), null), (data.Batches(5), data.Batches(11)),
        })
        {
            using var trainer = Setup();
            trainer.LoadCheckpoint(File);
            var loaded = Rig.Bits(trainer.Model);
            trainer.Invoking(t => t.Fit(train, validation, Options())).Should().Throw<InvalidDataException>().WithMessage("*run.ckpt*other data*12 samples*");
            Rig.Bits(trainer.Model).Should().Be(loaded);
            trainer.Fit(data.Batches(5), data.Batches(12), Options()).Epochs.Should().HaveCount(2, "with its own data the run goes on");
        }
    }

    [Fact]
    public void A_schedule_more_or_less_is_refused_and_so_is_another()
    {
        Save();
        using var more = Setup();
        more.LoadCheckpoint(File);
        more.Invoking(t => Fit(t, o => ConstantLR(o, 0.5))).Should().Throw<InvalidDataException>().WithMessage("*run.ckpt*no learning-rate schedule. Found one*");
        more.Optimizer.ParamGroups.First().LearningRate.Should().Be(0.02, "the schedule was not even made");
        Fit(more, null);

        Save(schedule: o => StepLR(o, 1, 0.5));
        using var less = Setup();
        less.LoadCheckpoint(File);
        less.Invoking(t => Fit(t, null)).Should().Throw<InvalidDataException>().WithMessage("*run.ckpt*schedule StepLR. Found none*");
        less.Invoking(t => Fit(t, o => ConstantLR(o, 0.5))).Should().Throw<InvalidDataException>().WithMessage("*should be ConstantLR. Found StepLR*");
        Fit(less, o => StepLR(o, 1, 0.5)).Epochs.Select(e => e.LearningRate).Should().Equal(0.02, 0.01);
    }

    [Fact]
    public void A_trainer_that_has_trained_takes_no_checkpoint()
    {
        Save();
        using var trainer = Setup();
        Fit(trainer, null);
        trainer.Invoking(t => t.LoadCheckpoint(File)).Should().Throw<InvalidOperationException>().WithMessage("*new trainer*already trained*");
    }

    [Fact]
    public void There_is_nothing_to_save_before_a_run()
    {
        using var trainer = Setup();
        trainer.Invoking(t => t.SaveCheckpoint(File)).Should().Throw<InvalidOperationException>().WithMessage("*Fit*");
        System.IO.File.Exists(File).Should().BeFalse();
    }

    [Fact]
    public void The_weights_are_there_as_soon_as_the_checkpoint_is_loaded()
    {
        using var first = Setup();
        first.Fit(data.Batches(5), data.Batches(12), Options(path: File));
        var evaluation = first.Evaluate(data.Batches(12)).TotalLoss;
        using var second = Setup(Rig.Model(seed: 9));
        second.LoadCheckpoint(File);
        second.Evaluate(data.Batches(12)).TotalLoss.Should().Be(evaluation);
        second.LoadCheckpoint(File);
    }

    [Fact]
    public void A_checkpoint_that_is_loaded_and_not_used_leaves_no_tensor()
    {
        Save();
        using var trainer = Setup();
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var other = new Trainer(trainer.Model, trainer.Balancer, p => optim.Adam(p, 0.02));
            other.LoadCheckpoint(File);
            other.LoadCheckpoint(File);
        });
    }

    [Fact]
    public void A_save_that_fails_leaves_the_old_file()
    {
        using var trainer = Setup();
        Fit(trainer, null);
        trainer.SaveCheckpoint(File);
        var old = System.IO.File.ReadAllBytes(File);

        trainer.Invoking(t => t.SaveCheckpoint(directory.File("none/run.ckpt"))).Should().Throw<DirectoryNotFoundException>();
        trainer.Invoking(t => t.SaveCheckpoint("/dev/full/run.ckpt")).Should().Throw<IOException>();
        trainer.Invoking(t => t.SaveCheckpoint(directory.Path)).Should().Throw<IOException>().WithMessage("*directory*");
        trainer.Optimizer.Dispose();
        trainer.Model.Dispose();
        trainer.Invoking(t => t.SaveCheckpoint(File)).Should().Throw<Exception>("its tensors are gone, half-way through the file");
        System.IO.File.ReadAllBytes(File).Should().Equal(old);
        Directory.GetFileSystemEntries(directory.Path).Should().Equal(File);
    }

    [Fact]
    public void A_run_that_could_not_be_saved_is_refused_before_it_begins()
    {
        using var trainer = Setup();
        trainer.Invoking(t => t.Fit(data.Batches(5), options: Options(path: directory.File("none/run.ckpt")))).Should().Throw<DirectoryNotFoundException>();
        using var native = Setup(optimizer: p => optim.LBFGS(p));
        native.Invoking(t => t.Fit(data.Batches(5), options: Options(path: File))).Should().Throw<NotSupportedException>().WithMessage("*LBFGS*");
    }

    private static Func<Balancer> PCGrad => () => new PCGrad();

    private static MultiTaskModel Model(Module<Tensor, Tensor> encoder, LearningTask[] tasks) =>
        new MultiTaskModel(new HardSharing(Encoder.From(encoder)), tasks).to(ScalarType.Float64);

    private static Trainer Setup(MultiTaskModel? model = null, Func<Balancer>? balancer = null, Func<IReadOnlyList<TorchSharp.Modules.Parameter>, optim.Optimizer>? optimizer = null) =>
        new(model ?? Rig.Model(), (balancer ?? PCGrad)(), optimizer ?? Rig.Adam());

    private static TrainerOptions Options(string? path = null, Func<optim.Optimizer, LRScheduler>? schedule = null) =>
        new() { Epochs = 2, CheckpointPath = path, Schedule = schedule };

    private TrainingHistory Fit(Trainer trainer, Func<optim.Optimizer, LRScheduler>? schedule) =>
        trainer.Fit(data.Batches(5), data.Batches(12), Options(schedule: schedule));

    /// <summary>A checkpoint in the middle of the second epoch.</summary>
    private void Save(Func<Balancer>? balancer = null, Func<optim.Optimizer, LRScheduler>? schedule = null)
    {
        using var trainer = Setup(balancer: balancer is null ? null : () => balancer());
        var tasks = (trainer.Balancer as DWA)?.named_buffers().Count() ?? 3;
        using var fewer = new MultiTaskDataset(data.Inputs, data.Targets.Filter((t, _) => Rig.Tasks.Index().Any(i => i.Item == t && i.Index < tasks)));
        trainer.Fit(fewer.Batches(5), fewer.Batches(12), new()
        {
            Epochs = 2,
            Schedule = schedule,
            Callbacks = [new Hook(step: (t, report) => (report.Step == 4 ? () => t.SaveCheckpoint(File) : (Action)(() => { }))())],
        });
    }

    private void Refused(
        string message,
        Func<MultiTaskModel>? model = null,
        Func<Balancer>? balancer = null,
        Func<IReadOnlyList<TorchSharp.Modules.Parameter>, optim.Optimizer>? optimizer = null)
    {
        manual_seed(8);
        using var trainer = Setup((model ?? (() => Rig.Model(seed: 7)))(), balancer, optimizer);
        var before = (Rig.Bits(trainer.Model), Rig.Bits(trainer.Balancer), Rig.Bits(trainer.Optimizer), Rig.Hash(RandomState.Capture()));
        LiveTensors.ShouldStayTheSame(() => trainer.Invoking(t => t.LoadCheckpoint(File)).Should().Throw<InvalidDataException>().WithMessage(message));
        (Rig.Bits(trainer.Model), Rig.Bits(trainer.Balancer), Rig.Bits(trainer.Optimizer), Rig.Hash(RandomState.Capture())).Should().Be(before);
    }

    private void Damage(string what)
    {
        var bytes = System.IO.File.ReadAllBytes(File);
        switch (what)
        {
            case "truncated":
                System.IO.File.WriteAllBytes(File, bytes[..(bytes.Length / 2)]);
                break;
            case "empty":
                System.IO.File.WriteAllBytes(File, []);
                break;
            case "text":
                System.IO.File.WriteAllText(File, "weights");
                break;
            case "flipped":
                bytes[bytes.Length / 3] ^= 1;
                System.IO.File.WriteAllBytes(File, bytes);
                break;
            case "another zip":
                System.IO.File.Delete(File);
                using (var zip = ZipFile.Open(File, ZipArchiveMode.Create))
                {
                    zip.CreateEntry("model.pt");
                }

                break;
            case "newer":
                CheckpointWriter.Write(File, writer => writer.Bytes("all", [1]), version: 2);
                break;
            default:
                CheckpointWriter.Write(File, writer =>
                {
                    using var old = CheckpointReader.Open(File);
                    foreach (var name in old.Names.Where(n => n != "optimizer.safetensors"))
                    {
                        writer.Bytes(name, old.Bytes(name));
                    }
                });
                break;
        }
    }
}
