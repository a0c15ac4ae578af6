using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

public sealed class FusedOptimizerTests
{
    public static TheoryData<string, ScalarType> Rules
    {
        get
        {
            var data = new TheoryData<string, ScalarType>();
            foreach (var rule in Pairs.Keys)
            {
                data.Add(rule, ScalarType.Float32);
                data.Add(rule, ScalarType.Float64);
            }

            return data;
        }
    }

    public static TheoryData<string> EachRule => [.. Pairs.Keys];

    private static Dictionary<string, (Func<IEnumerable<Parameter>, optim.Optimizer> TorchSharp, Func<IEnumerable<Parameter>, optim.Optimizer> Fused)> Pairs => new()
    {
        ["Adam"] = (p => optim.Adam(p, 0.01), p => new FusedAdam(p, 0.01)),
        ["Adam, all options"] = (p => optim.Adam(p, 0.01, 0.8, 0.9, 1e-4, 0.1, true, true), p => new FusedAdam(p, 0.01, 0.8, 0.9, 1e-4, 0.1, true, true)),
        ["AdamW"] = (p => optim.AdamW(p, 0.01, weight_decay: 0.1), p => new FusedAdamW(p, 0.01, weight_decay: 0.1)),
        ["AdamW, all options"] = (p => optim.AdamW(p, 0.01, 0.8, 0.9, 1e-4, 0.1, true, true), p => new FusedAdamW(p, 0.01, 0.8, 0.9, 1e-4, 0.1, true, true)),
        ["SGD"] = (p => optim.SGD(p, 0.1), p => new FusedSGD(p, 0.1)),
        ["SGD, momentum"] = (p => optim.SGD(p, 0.1, 0.9, 0.2, 0.1), p => new FusedSGD(p, 0.1, 0.9, 0.2, 0.1)),
        ["SGD, ascending"] = (p => optim.SGD(p, 0.1, 0.9, 0.2, 0, false, true), p => new FusedSGD(p, 0.1, 0.9, 0.2, 0, false, true)),
        ["SGD, Nesterov"] = (p => optim.SGD(p, 0.1, 0.9, 0, 0.1, true), p => new FusedSGD(p, 0.1, 0.9, 0, 0.1, true)),
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void Steps_as_TorchSharps_does(string rule, ScalarType dtype)
    {
        using var plain = Drawn.Parameters(dtype);
        using var fused = Drawn.Parameters(dtype);
        using var slow = Pairs[rule].TorchSharp(plain.All);
        using var fast = Pairs[rule].Fused(fused.All);
        for (var step = 0; step < 20; step++)
        {
            // The third parameter has no gradient in every other step, and so makes half of the steps.
            plain.DrawGradients(step, without: step % 2 == 0 ? 2 : null);
            fused.DrawGradients(step, without: step % 2 == 0 ? 2 : null);
            slow.step();
            fast.step();
        }

        var tolerance = dtype == ScalarType.Float32 ? 2e-6 : 1e-13;
        foreach (var (expected, found) in plain.All.Zip(fused.All))
        {
            found.Values().Zip(expected.Values()).Should().OnlyContain(v => Math.Abs(v.First - v.Second) <= tolerance);
        }
    }

    /// <summary>
    /// Parameters of two dtypes, one frozen from the start and one after four steps, with its gradient left; and gradients
    /// that are transposed, or parts of one tensor as balancers leave them.
    /// </summary>
    [Theory]
    [MemberData(nameof(EachRule))]
    public void Steps_odd_parameters_as_TorchSharps_does(string rule)
    {
        using var scope = NewDisposeScope();
        Parameter[] plain = Odd(), fused = Odd();
        using var slow = Pairs[rule].TorchSharp(plain);
        using var fast = Pairs[rule].Fused(fused);
        for (var step = 0; step < 10; step++)
        {
            Gradients(plain, step);
            Gradients(fused, step);
            slow.step();
            fast.step();
        }

        foreach (var (expected, found) in plain.Zip(fused))
        {
            var tolerance = found.dtype == ScalarType.Float32 ? 2e-6 : 1e-13;
            found.Values().Should().Equal(expected.Values(), (a, b) => Math.Abs(a - b) <= tolerance);
        }

        static Parameter[] Odd()
        {
            using var random = new Generator(7);
            Parameter New(ScalarType dtype, params long[] shape) => Parameter(randn(shape, dtype, generator: random));
            Parameter[] all = [New(ScalarType.Float32, 3, 4), New(ScalarType.Float64, 3, 4), New(ScalarType.Float64), New(ScalarType.Float32, 0, 2), New(ScalarType.Float32, 5), New(ScalarType.Float64, 2)];
            all[^1].requires_grad = false;
            return all;
        }

        static void Gradients(Parameter[] all, int step)
        {
            using var random = new Generator((ulong)step + 100);
            var parts = randn(13, ScalarType.Float64, generator: random).split([12, 1]);
            all[0].grad = randn([4, 3], ScalarType.Float32, generator: random).t();
            all[1].grad = step % 3 == 1 ? null : parts[0].view(3, 4);
            all[2].grad = parts[1].view([]);
            all[3].grad = zeros_like(all[3]);
            all[4].requires_grad = step < 4;
            all[4].grad = step < 4 ? randn(5, ScalarType.Float32, generator: random) : all[4].grad;
        }
    }

    /// <remarks>A step that was refused for one parameter counted for those before it, and left their momentum undefined.</remarks>
    [Theory]
    [MemberData(nameof(EachRule))]
    public void A_step_that_is_refused_is_none(string rule)
    {
        using var scope = NewDisposeScope();
        Parameter[] Two() => [Parameter(ones(3, ScalarType.Float64)), Parameter(ones([2, 3], ScalarType.Float64).t())];
        Parameter[] plain = Two(), fused = Two();
        using var slow = Pairs[rule].TorchSharp(plain);
        using var fast = Pairs[rule].Fused(fused);
        fused[0].grad = full_like(fused[0], 2);
        fused[1].grad = ones_like(fused[1]);
        fast.Invoking(o => o.step()).Should().Throw<NotSupportedException>();
        fused[1].grad = null;
        for (var step = 0; step < 3; step++)
        {
            plain[0].grad = full_like(plain[0], step);
            fused[0].grad = full_like(fused[0], step);
            slow.step();
            fast.step();
        }

        fused[0].Values().Should().Equal(plain[0].Values(), (a, b) => Math.Abs(a - b) <= 1e-13);
    }

    [Theory]
    [InlineData("Adam")]
    [InlineData("AdamW")]
    [InlineData("SGD, momentum")]
    public void Its_state_is_that_of_TorchSharps(string rule)
    {
        using var plain = Drawn.Parameters(ScalarType.Float64);
        using var fused = Drawn.Parameters(ScalarType.Float64);
        using var slow = (OptimizerHelper)Pairs[rule].TorchSharp(plain.All);
        using var fast = (OptimizerHelper)Pairs[rule].Fused(fused.All);
        plain.DrawGradients(0);
        slow.step();
        fused.Copy(plain);
        fast.load_state_dict(slow.state_dict());
        for (var step = 1; step < 4; step++)
        {
            plain.DrawGradients(step);
            fused.DrawGradients(step);
            slow.step();
            fast.step();
        }

        foreach (var (expected, found) in plain.All.Zip(fused.All))
        {
            found.Values().Zip(expected.Values()).Should().OnlyContain(v => Math.Abs(v.First - v.Second) <= 1e-13);
        }
    }

    [Fact]
    public void Groups_have_rates_of_their_own_and_follow_schedules()
    {
        using var fused = Drawn.Parameters(ScalarType.Float64);
        using var optimizer = new FusedSGD([new SGD.ParamGroup(fused.All[..1], 0.5), new SGD.ParamGroup(fused.All[1..], 0)], 1);
        var before = fused.All.Select(p => p.Values()).ToArray();
        fused.DrawGradients(1);
        optimizer.step();
        fused.All[0].Values().Should().Equal(before[0].Zip(fused.All[0].grad!.Values(), (p, g) => p - (0.5 * g)));
        fused.All[1].Values().Should().Equal(before[1]);
        optimizer.ParamGroups.First().LearningRate = 0;
        before = [.. fused.All.Select(p => p.Values())];
        optimizer.step();
        fused.All[0].Values().Should().Equal(before[0]);
    }

    /// <summary>TorchSharp 0.107 adds the decay before it turns the sign, and so makes the weights grow.</summary>
    [Fact]
    public void Weight_decay_shrinks_the_weights_when_ascending_too()
    {
        var weight = Parameter(ones(1, ScalarType.Float64));
        weight.grad = zeros_like(weight);
        using var optimizer = new FusedSGD([weight], 0.1, weight_decay: 0.5, maximize: true);
        optimizer.step();
        weight.Values().Should().Equal(0.95);
    }

    [Fact]
    public void Refuses_what_the_native_step_cannot_do()
    {
        using var scope = NewDisposeScope();
        var transposed = Parameter(ones(2, 3).t());
        transposed.grad = ones_like(transposed);
        using var optimizer = new FusedAdam([transposed]);
        optimizer.Invoking(o => o.step()).Should().Throw<NotSupportedException>().WithMessage("*contiguous*[3, 2]*");
    }

    [Fact]
    public void Leaves_no_tensor_behind()
    {
        using var parameters = Drawn.Parameters(ScalarType.Float32);
        using var optimizer = new FusedAdam(parameters.All);
        parameters.DrawGradients(0);
        optimizer.step();
        LiveTensors.ShouldStayTheSame(() => optimizer.step());
    }

    [Fact]
    public void A_run_goes_on_from_a_checkpoint_bit_by_bit()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var whole = Train(path: null, epochs: 4);
            Train(path, epochs: 2);
            Train(path, epochs: 4, resume: true).Should().Equal(whole);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static double[] Train(string? path, int epochs, bool resume = false)
    {
        manual_seed(3);
        using var data = new MultiTask.Data.MultiTaskDataset(randn(32, 4), [("a", randn(32, 1)), ("b", randn(32, 1))]);
        using var model = new MultiTaskModel(new HardSharing(Sequential(Linear(4, 8), Tanh())), [LearningTask.Regression("a", Linear(8, 1)), LearningTask.Regression("b", Linear(8, 1))]);
        using var trainer = new Trainer(model, new PCGrad(), p => new FusedAdam(p, 0.01));
        if (resume)
        {
            trainer.LoadCheckpoint(path!);
        }

        trainer.Fit(data.Batches(8), options: new() { Epochs = epochs, CheckpointPath = path });
        return [.. model.parameters().SelectMany(p => p.Values())];
    }

    /// <summary>Three parameters, and gradients that depend on the step alone.</summary>
    private sealed class Drawn : IDisposable
    {
        private Drawn(Parameter[] all) => All = all;

        public Parameter[] All { get; }

        public static Drawn Parameters(ScalarType dtype)
        {
            using var random = new Generator(7);
            return new([.. ((long[][])[[3, 4], [5], []]).Select(shape => Parameter(randn(shape, dtype, generator: random).DetachFromDisposeScope()))]);
        }

        public void DrawGradients(int step, int? without = null)
        {
            using var random = new Generator((ulong)step + 100);
            for (var i = 0; i < All.Length; i++)
            {
                using var gradient = randn(All[i].shape, All[i].dtype, generator: random);
                All[i].grad = i == without ? null : gradient;
            }
        }

        public void Copy(Drawn other)
        {
            using var off = no_grad();
            foreach (var (to, from) in All.Zip(other.All))
            {
                to.copy_(from);
            }
        }

        public void Dispose() => Array.ForEach(All, p => p.Dispose());
    }
}
