using FluentAssertions;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using OptimizerState = MultiTask.Training.OptimizerState;

namespace MultiTask.Tests.Training;

public sealed class OptimizerStateTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Names => [.. Optimizers.All.Keys];

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_run_that_is_resumed_ends_like_one_that_was_not(string name)
    {
        foreach (var before in new[] { 0, 1, 4 })
        {
            using var whole = new Run(name);
            whole.Train(0, 10);

            using var first = new Run(name);
            first.Train(0, before);
            using var second = new Run(name, rate: 7);
            second.CopyWeightsOf(first);
            using (NewDisposeScope())
            {
                Restore(second.Optimizer, Save(first.Optimizer));
            }

            second.Train(before, 10);

            second.ShouldEqual(whole);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_state_comes_back_into_an_optimizer_that_has_gone_on(string name)
    {
        using var whole = new Run(name);
        whole.Train(0, 10);

        using var run = new Run(name);
        run.Train(0, 4);
        var state = Save(run.Optimizer);
        using var weights = new Run(name);
        weights.CopyWeightsOf(run);
        run.Train(4, 8);
        run.CopyWeightsOf(weights);
        Restore(run.Optimizer, state);
        run.Train(4, 10);

        run.ShouldEqual(whole);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_state_matters(string name)
    {
        using var whole = new Run(name);
        whole.Train(0, 10);

        using var first = new Run(name);
        first.Train(0, 4);
        using var second = new Run(name);
        second.CopyWeightsOf(first);
        second.Train(4, 10);

        second.Equal(whole).Should().Be(name == "SGD", "without its state every other optimizer goes elsewhere");
    }

    [Fact]
    public void Learning_rates_come_back_as_they_are_and_as_they_were_initially()
    {
        using var first = new Run("Adam");
        first.Optimizer.ParamGroups.First().LearningRate = 0.123;
        using var second = new Run("Adam", rate: 9);

        Restore(second.Optimizer, Save(first.Optimizer));

        second.Optimizer.ParamGroups.Select(g => (g.LearningRate, g.InitialLearningRate)).Should().Equal((0.123, 0.02), (0.01, 0.01));
    }

    [Fact]
    public void Momentum_that_does_not_exist_yet_goes_away()
    {
        using var first = new Run("SGD with momentum");
        using var second = new Run("SGD with momentum");
        second.Train(0, 3);

        Restore(second.Optimizer, Save(first.Optimizer));

        Save(second.Optimizer).Should().Equal(Save(first.Optimizer));
    }

    [Fact]
    public void Parameters_that_are_not_contiguous_are_no_exception()
    {
        var (a, b) = (Turned(), Turned());
        using var first = optim.Adam([a], 0.1);
        using var second = optim.Adam([b], 0.1);
        Step(a, first);
        using (no_grad())
        {
            b.copy_(a);
        }

        Restore(second, Save(first));
        Step(a, first);
        Step(b, second);

        a.is_contiguous().Should().BeFalse();
        a.Equals(b).Should().BeTrue();

        static Parameter Turned() => new(arange(12, dtype: ScalarType.Float32).reshape(3, 4).t());

        static void Step(Parameter parameter, optim.Optimizer optimizer)
        {
            optimizer.zero_grad();
            parameter.pow(2).sum().backward();
            optimizer.step();
        }
    }

    [Fact]
    public void The_difference_is_named()
    {
        using var adam = new Run("Adam");
        using var adamW = new Run("AdamW");
        var state = Save(adam.Optimizer);

        Refused(state, adamW.Optimizer, "the file is not the state of this optimizer: the optimizer should be TorchSharp.Modules.AdamW. Found TorchSharp.Modules.Adam. The optimizer is unchanged.");
        Refused(state, optim.Adam(Parameters((4, 3))), "*should be 1 parameter groups. Found 2*");
        Refused(state, new Adam((Adam.ParamGroup[])[new(Parameters((3, 4)), 0.1), new(Parameters((1, 3)), 0.1)]), "*group 0 should have 1 parameters. Found 3*group 1 should have 1 parameters. Found 2*");
        Refused(state, new Adam((Adam.ParamGroup[])[new(Parameters((3, 5), (3, 0), (2, 0)), 0.1), new(Parameters((1, 3), (1, 0)), 0.1)]), "*parameter 0.0 should be Float32 [3, 5]. Found Float32 [3, 4]. The*");
        Refused(state, new Adam((Adam.ParamGroup[])[new(Parameters((3, 4), (3, 0), (2, 0)).Select(p => new Parameter(p.@double())).ToArray(), 0.1), new(Parameters((1, 3), (1, 0)), 0.1)]), "*parameter 0.0 should be Float64 [3, 4]. Found Float32 [3, 4]*");
    }

    [Fact]
    public void Shapes_that_would_broadcast_are_refused()
    {
        using var small = optim.SGD([new Parameter(ones(1))], 0.1, momentum: 0.9);
        var large = new Parameter(ones(3));
        using var optimizer = optim.SGD([large], 0.1, momentum: 0.9);

        Refused(Save(small), optimizer, "*parameter 0.0 should be Float32 [3]. Found Float32 [1]*");
    }

    [Fact]
    public void What_is_no_optimizer_state_is_refused()
    {
        using var adam = new Run("Adam");
        using var stream = new MemoryStream();
        MultiTask.Training.Safetensors.Save(stream, new Dictionary<string, Tensor> { ["w"] = ones(1) });

        Refused(stream.ToArray(), adam.Optimizer, "the file is not the state of an optimizer*");
        Refused([1, 2, 3], adam.Optimizer, "the file: *");
    }

    [Fact]
    public void LBFGS_cannot_be_saved_and_says_so()
    {
        using var optimizer = optim.LBFGS([new Parameter(ones(1))]);

        var ask = () => OptimizerState.EnsureSupported(optimizer);

        ask.Should().Throw<NotSupportedException>().WithMessage("*LBFGS*native*");
    }

    [Fact]
    public void An_optimizer_whose_parameters_were_exchanged_is_refused()
    {
        using var layer = Linear(2, 2);
        using var optimizer = optim.Adam(layer.parameters());
        layer.@double();

        var ask = () => OptimizerState.EnsureSupported(optimizer);

        ask.Should().Throw<InvalidOperationException>().WithMessage("*after the model was moved*");
    }

    [Fact]
    public void No_tensor_stays_behind()
    {
        using var first = new Run("Adam with AMSGrad");
        first.Train(0, 2);
        using var second = new Run("Adam with AMSGrad");

        LiveTensors.ShouldStayTheSame(() => Restore(second.Optimizer, Save(first.Optimizer)));
    }

    private static byte[] Save(optim.Optimizer optimizer)
    {
        using var stream = new MemoryStream();
        OptimizerState.Save(optimizer, stream);
        return stream.ToArray();
    }

    private static void Restore(optim.Optimizer optimizer, byte[] bytes)
    {
        using var state = OptimizerState.Read(new MemoryStream(bytes), bytes.Length, "the file");
        state.Check(optimizer);
        state.Restore(optimizer);
    }

    private static void Refused(byte[] state, optim.Optimizer optimizer, string message)
    {
        var before = Save(optimizer);

        var restore = () => Restore(optimizer, state);

        restore.Should().Throw<InvalidDataException>().WithMessage(message);
        Save(optimizer).Should().Equal(before);
    }

    private static Parameter[] Parameters(params (long Rows, long Columns)[] shapes) =>
        [.. shapes.Select(s => new Parameter(s.Columns == 0 ? zeros(s.Rows) : zeros(s.Rows, s.Columns)))];

    /// <summary>A small network, an optimizer and the steps that they make.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Linear encoder;
        private readonly Parameter unused;
        private readonly Linear head;

        public Run(string optimizer, double rate = 1)
        {
            encoder = Linear(4, 3);
            head = Linear(3, 1);
            unused = new Parameter(ones(2));
            Initialize();
            Optimizer = Optimizers.All[optimizer]([.. encoder.parameters(), unused], [.. head.parameters()], rate);
        }

        public optim.Optimizer Optimizer { get; }

        private IEnumerable<Parameter> Weights => [.. encoder.parameters(), .. head.parameters()];

        public void Train(int from, int to)
        {
            for (var step = from; step < to; step++)
            {
                using var tensors = NewDisposeScope();
                using var random = new Generator((ulong)step);
                var (input, target) = (randn([8, 4], generator: random), randn([8, 1], generator: random));
                Optimizer.zero_grad();
                functional.mse_loss(head.call(functional.tanh(encoder.call(input))), target).backward();
                Optimizer.step();
            }
        }

        public void CopyWeightsOf(Run other)
        {
            using var frozen = no_grad();
            foreach (var (own, theirs) in Weights.Zip(other.Weights))
            {
                own.copy_(theirs);
            }
        }

        public bool Equal(Run other) => Weights.Zip(other.Weights).All(pair => pair.First.Equals(pair.Second));

        public void ShouldEqual(Run other)
        {
            Equal(other).Should().BeTrue("weights should agree to the last bit");
            Save(Optimizer).Should().Equal(Save(other.Optimizer));
        }

        public void Dispose()
        {
            Optimizer.Dispose();
            encoder.Dispose();
            head.Dispose();
        }

        private void Initialize()
        {
            using var frozen = no_grad();
            using var random = new Generator(17);
            foreach (var weight in Weights)
            {
                using var values = randn(weight.shape, generator: random);
                weight.copy_(values);
            }
        }
    }
}
