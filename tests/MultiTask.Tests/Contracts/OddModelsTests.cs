using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Contracts;

/// <summary>On odd models, too, the library's passes give what the plain way gives.</summary>
public sealed class OddModelsTests : IDisposable
{
    private static readonly Dictionary<string, Func<IReadOnlyList<string>, Balancer>> Methods = new()
    {
        ["SumGradient"] = _ => new SumGradient(),
        ["UPGrad"] = _ => new UPGrad(),
        ["UPGrad, weighted heads"] = _ => new UPGrad { WeightHeads = true },
        ["UPGrad, a parameter at a time"] = _ => new UPGrad { MemoryBudget = 1 },
        ["PCGrad"] = _ => new PCGrad(seed: 3),
        ["GradDrop"] = _ => new GradDrop(seed: 3),
        ["TrimmedMean"] = _ => new TrimmedMean(),
        ["EqualWeights"] = _ => new EqualWeights(),
        ["UncertaintyWeighting"] = tasks => new UncertaintyWeighting(TaskMap.Create(tasks.Select((t, i) => (t, (Likelihood)(i % 3))))),
    };

    private static readonly ScalarType[] Types = [ScalarType.Float64, ScalarType.Float32];

    private static readonly (Range Rows, double Share)[] Whole = [(.., 1)];

    private static readonly (Range Rows, double Share)[] Parts = [(..5, 0.625), (5.., 0.375)];

    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string, string> All
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var odd in OddModel.Cases.Keys)
            {
                foreach (var method in Methods.Keys)
                {
                    data.Add(odd, method);
                }
            }

            return data;
        }
    }

    public static TheoryData<string> EachMethod => [.. Methods.Keys];

    public void Dispose() => scope.Dispose();

    /// <summary>Without conflict many methods are one, and there would be little to compare.</summary>
    [Fact]
    public void Where_tasks_share_anything_they_conflict()
    {
        foreach (var odd in OddModel.Cases.Keys)
        {
            var run = new Run(odd, "UPGrad", ScalarType.Float64);
            run.Balance(Whole);
            var (gramian, all) = (run.Method.LastGramian!, Enumerable.Range(0, run.Model.Tasks.Count));
            var sharing = all.Where(i => gramian.Norm(i) > 0).ToArray();
            sharing.Any(i => sharing.Any(j => gramian.Cosine(i, j) < -0.1)).Should().Be(sharing.Length > 1, odd);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Balances_at_the_parameters(string odd, string method) => SameGradients(odd, method, run => run.Balance(Whole), plain => plain.BalancePlainly(Whole));

    [Theory]
    [MemberData(nameof(All))]
    public void Balances_at_the_representation(string odd, string method) => SameGradients(odd, method, run => run.BalanceAtRepresentation(), plain => PlainWay.AtRepresentation(plain.Method, plain.Model));

    /// <summary>What is there was left by an ordinary backward pass.</summary>
    /// <remarks>That of an embedding may be sparse, and the gradient rungs failed to add to it.</remarks>
    [Theory]
    [MemberData(nameof(All))]
    public void Adds_to_what_is_there(string odd, string method)
    {
        SameGradients(odd, method, run => Added(run).Balance(Whole), plain => Added(plain).BalancePlainly(Whole));

        static Run Added(Run run)
        {
            run.Model.Losses(..).Values[0].backward();
            return run;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Balances_two_micro_batches(string odd, string method) => SameGradients(odd, method, run => run.Balance(Parts), plain => plain.BalancePlainly(Parts));

    [Theory]
    [MemberData(nameof(All))]
    public void Goes_the_same_way_for_ten_steps(string odd, string method)
    {
        var (found, expected) = (new Run(odd, method, ScalarType.Float64), new Run(odd, method, ScalarType.Float64));
        using var fast = found.Optimizer();
        using var plain = expected.Optimizer();
        for (var step = 0; step < 10; step++)
        {
            fast.zero_grad();
            plain.zero_grad();
            found.Balance(Whole);
            expected.BalancePlainly(Whole);
            fast.step();
            plain.step();
        }

        var tolerance = found.Model.Narrowest == ScalarType.Float64 ? 1e-9 : 1e-5;
        foreach (var (p, q) in found.Learned.Zip(expected.Learned))
        {
            p.Values().Should().Equal(q.Values(), (a, b) => Math.Abs(a - b) <= tolerance);
        }
    }

    /// <summary>Running statistics move with each forward pass, and no method needs a second one.</summary>
    [Theory]
    [MemberData(nameof(EachMethod))]
    public void Batch_normalisation_moves_once(string method)
    {
        Run New() => new("batch normalisation", method, ScalarType.Float64);
        var (once, atParameters, atRepresentation) = (New(), New(), New());
        once.Model.Represent(..);
        atParameters.Balance(Whole);
        atRepresentation.BalanceAtRepresentation();
        foreach (var run in new[] { atParameters, atRepresentation })
        {
            run.Model.Buffers.Select(b => b.Values()).Should().BeEquivalentTo(once.Model.Buffers.Select(b => b.Values()), o => o.WithStrictOrdering());
        }
    }

    private static void SameGradients(string odd, string method, Action<Run> balance, Action<Run> plainly)
    {
        foreach (var dtype in Types)
        {
            var (found, expected) = (new Run(odd, method, dtype), new Run(odd, method, dtype));
            balance(found);
            plainly(expected);
            found.ShouldHaveGradientsOf(expected);
        }
    }

    /// <summary>A model of its own and a method of its own, alike in every run.</summary>
    private sealed class Run
    {
        public Run(string odd, string method, ScalarType dtype)
        {
            Model = new(odd, dtype);
            Method = Methods[method](Model.Tasks);
            Method.to(dtype);
        }

        public OddModel Model { get; }

        public Balancer Method { get; }

        public IReadOnlyList<Parameter> Learned => [.. Model.All, .. Method.parameters()];

        /// <summary>Adam, which takes no sparse gradients; where a backward pass leaves such, SGD.</summary>
        public optim.Optimizer Optimizer() => Model.HasSparseGradients ? optim.SGD(Learned, 0.01) : optim.Adam(Learned, 0.01);

        public void Balance((Range Rows, double Share)[] parts) => Method.Backward(
            parts.Select(part => new MicroBatchLosses(Model.Losses(part.Rows), TaskMap.Create(Model.Tasks.Select(task => (task, part.Share))))),
            Model.Shared);

        public void BalancePlainly((Range Rows, double Share)[] parts) => PlainWay.AtParameters(Method, Model, parts);

        public void BalanceAtRepresentation()
        {
            var z = Model.Represent(..).Cut();
            Method.Backward(Model.Losses(z, ..), z);
        }

        public void ShouldHaveGradientsOf(Run expected)
        {
            var (found, plain) = (Gradients(), expected.Gradients());
            found.Select(g => g is null).Should().Equal(plain.Select(g => g is null));
            var tolerance = Model.Narrowest == ScalarType.Float64 ? 1e-12 : 1e-6;
            var scale = plain.Max(g => g?.Select(Math.Abs).DefaultIfEmpty().Max() ?? 0);
            for (var k = 0; k < found.Length; k++)
            {
                (found[k] ?? []).Should().Equal(plain[k] ?? [], (a, b) => Math.Abs(a - b) <= tolerance * scale, "parameter {0} of {1}", k, Model.Narrowest);
            }
        }

        private double[]?[] Gradients() => [.. Learned.Select(p => PlainWay.Dense(p.grad)?.Values())];
    }
}
