using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests;

public sealed class MultiTaskModelTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public MultiTaskModelTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void State_keys_read_like_paths()
    {
        using var model = new MultiTaskModel(
            new HardSharing(Sequential(Linear(3, 4), Tanh())),
            [LearningTask.Regression("age", Linear(4, 1)), LearningTask.Regression("sex", Sequential(Linear(4, 1)), adapter: Linear(7, 3))]);
        model.state_dict().Keys.Should().Equal(
            "trunk.encoder.0.weight", "trunk.encoder.0.bias",
            "heads.age.weight", "heads.age.bias", "heads.sex.0.weight", "heads.sex.0.bias",
            "adapters.sex.weight", "adapters.sex.bias");
    }

    [Fact]
    public void Outputs_are_the_heads_on_the_encoding()
    {
        var (encoder, a, b) = (Linear(3, 4), Linear(4, 1), Linear(4, 2));
        using var model = new MultiTaskModel(new HardSharing(encoder), [LearningTask.Regression("a", a), LearningTask.Regression("b", b)]);
        var x = randn(5, 3);
        var outputs = model.call(x);
        outputs.Tasks.Should().Equal("a", "b");
        outputs["b"].Values().Should().Equal(b.call(encoder.call(x)).Values());
        model.Outputs(x, ["b"]).Should().ContainSingle().Which.Value.Values().Should().Equal(outputs["b"].Values());
        model.Outputs(model.Trunk.call(x)).Map((_, o) => o.Values()[0]).Values.Should().Equal(outputs.Map((_, o) => o.Values()[0]).Values);
        model.Outputs(model.Trunk.call(x).Cut(), ["a"])["a"].Values().Should().Equal(outputs["a"].Values());
    }

    [Fact]
    public void Inputs_of_several_tensors_reach_the_encoder()
    {
        using var model = new MultiTaskModel(new HardSharing(new Sum()), [LearningTask.Regression("a", Linear(2, 1))]);
        model.call([ones(3, 2), ones(3, 2)])["a"].shape.Should().Equal(3, 1);
    }

    [Fact]
    public void Each_adapter_runs_once_and_the_plain_trunk_only_if_needed()
    {
        var runs = new Dictionary<string, int>();
        T Counted<T>(string name, T module)
            where T : Module<Tensor, Tensor>
        {
            module.register_forward_hook((_, _, output) =>
            {
                runs[name] = runs.GetValueOrDefault(name) + 1;
                return output;
            });
            return module;
        }

        var adapter = Counted("adapter", Linear(7, 3));
        using var model = new MultiTaskModel(
            new HardSharing(Counted("trunk", Linear(3, 4))),
            [
                LearningTask.Regression("a", Linear(4, 1), adapter: adapter),
                LearningTask.Regression("b", Linear(4, 1), adapter: adapter),
                LearningTask.Regression("c", Linear(4, 1)),
            ]);
        model.Outputs(ones(2, 7), ["a", "b"]);
        runs.Should().BeEquivalentTo(new Dictionary<string, int> { ["adapter"] = 1, ["trunk"] = 1 });
        model.Outputs(ones(2, 3), ["c"]);
        runs.Should().BeEquivalentTo(new Dictionary<string, int> { ["adapter"] = 1, ["trunk"] = 2 });
    }

    [Fact]
    public void Tasks_with_inputs_of_unlike_shapes_meet_in_the_trunk()
    {
        using var model = new MultiTaskModel(
            new HardSharing(Linear(3, 4)),
            [LearningTask.Regression("wide", Linear(4, 1), adapter: Linear(7, 3)), LearningTask.Regression("narrow", Linear(4, 1), adapter: Linear(2, 3))]);
        var losses = model.Losses(new MultiTaskBatch([new(ones(5, 7), [("wide", ones(5, 1))]), new(ones(2, 2), [("narrow", ones(2, 1))])]));
        losses.Tasks.Should().Equal("wide", "narrow");
        new EqualWeights().Backward(losses, model.SharedParameters());
        model.parameters().Where(p => p.grad is null).Should().BeEmpty();
    }

    [Fact]
    public void Parameters_are_shared_where_several_tasks_were_given_the_same_module()
    {
        var (adapter, head, trunk) = (Linear(7, 3), Linear(4, 1), Linear(3, 4));
        using var model = new MultiTaskModel(
            new HardSharing(trunk),
            [
                LearningTask.Regression("a", head, adapter: adapter),
                LearningTask.Regression("b", Linear(4, 1), adapter: adapter),
                LearningTask.Regression("c", head),
            ]);
        Same(model.SharedParameters(), trunk.parameters().Concat(head.parameters()).Concat(adapter.parameters()));
        model.TaskParameters("a").Should().BeEmpty();
        model.TaskParameters("b").Should().HaveCount(2);
        model.TaskParameters("c").Should().BeEmpty();
        using var mgda = new MGDA();
        mgda.Backward(model.Losses(model.Outputs(ones(2, 7), ["a", "b"]), [("a", ones(2, 1)), ("b", zeros(2, 1))]), model.SharedParameters());
    }

    [Fact]
    public void Parameters_of_equal_value_are_not_the_same_parameter()
    {
        Linear Zeros()
        {
            var head = Linear(4, 1);
            init.zeros_(head.weight);
            init.zeros_(head.bias);
            return head;
        }

        using var model = new MultiTaskModel(new HardSharing(Linear(3, 4)), [LearningTask.Regression("a", Zeros()), LearningTask.Regression("b", Zeros())]);
        model.SharedParameters().Should().HaveCount(2);
        model.TaskParameters("a").Should().HaveCount(2);
    }

    [Fact]
    public void Losses_are_means_over_the_labels_that_are_there()
    {
        using var model = Plain();
        var outputs = TaskMap.Create(("a", tensor(new double[] { 1, 2, 3 })), ("b", tensor(new double[] { 1, 2, 3 })));
        var losses = model.Losses(outputs, [("b", tensor(new[] { 3, double.NaN, 3 })), ("a", tensor(new[] { double.NaN, double.NaN, double.NaN }))]);
        losses.Tasks.Should().Equal("b");
        losses["b"].item<double>().Should().Be(2);
        model.Losses(outputs, []).Count.Should().Be(0);
        model.Losses(outputs, [("b", zeros(3, ScalarType.Float64))], [("b", tensor(new double[] { 0, 1, 3 }))])["b"].item<double>().Should().Be((4 + 27) / 4.0);
    }

    [Fact]
    public void A_batch_of_several_parts_has_the_losses_of_the_parts_put_together()
    {
        using var model = Plain();
        var x = randn([6, 3], ScalarType.Float64);
        var y = tensor(new[] { 1, double.NaN, 3, 4, double.NaN, 6 });
        var w = tensor(new double[] { 1, 1, 1, 5, 9, 0.5 });
        var whole = model.Losses(new MultiTaskBatch(x, [("a", y), ("b", y * 2)], [("a", w)]));
        var parts = model.Losses(new MultiTaskBatch(
        [
            new(x[..1], [("a", y[..1])]), // no weights: 1 each
            new(x[..4], [("b", y[..4] * 2)]),
            new(x[1..2], [("a", y[1..2])], [("a", w[1..2])]), // no label
            new(x[2..], [("a", y[2..])], [("a", w[2..])]),
            new(x[4..], [("b", y[4..] * 2)]),
        ]));
        parts.Tasks.Should().Equal("a", "b");
        parts["a"].item<double>().Should().BeApproximately(whole["a"].item<double>(), 1e-12);
        parts["b"].item<double>().Should().BeApproximately(whole["b"].item<double>(), 1e-12);
    }

    [Fact]
    public void Parts_of_unlike_shapes_count_by_their_labels()
    {
        using var model = new MultiTaskModel(new HardSharing(Linear(3, 4)), [LearningTask.TokenTagging("tags", Linear(4, 2))]);
        var (x, z) = (randn(1, 5, 3), randn(2, 2, 3));
        var (tx, tz) = (tensor(new long[,] { { 0, 1, 1, -100, 0 } }), tensor(new long[,] { { 1, -100 }, { -100, -100 } }));
        var first = model.Losses(new MultiTaskBatch(x, [("tags", tx)]))["tags"].item<float>();
        var second = model.Losses(new MultiTaskBatch(z, [("tags", tz)]))["tags"].item<float>();
        var both = model.Losses(new MultiTaskBatch([new(x, [("tags", tx)]), new(z, [("tags", tz)])]))["tags"].item<float>();
        both.Should().BeApproximately(((4 * first) + second) / 5, 1e-6f);
    }

    [Fact]
    public void A_batch_without_labels_has_no_losses()
    {
        using var model = Plain();
        var none = full([2], double.NaN, ScalarType.Float64);
        model.Losses(new MultiTaskBatch(ones([2, 3], ScalarType.Float64), [("a", none)])).Count.Should().Be(0);
        model.Losses(new MultiTaskBatch([new(ones([2, 3], ScalarType.Float64), [("a", none)]), new(ones([2, 3], ScalarType.Float64), [("a", none)])])).Count.Should().Be(0);
    }

    [Fact]
    public void Unknown_tasks_are_named_with_those_there_are()
    {
        using var model = Plain();
        var x = ones([2, 3], ScalarType.Float64);
        Throws(() => model.Outputs(x, ["z"]));
        Throws(() => model.Losses(model.call(x), [("z", ones(2))]));
        Throws(() => model.Losses(new MultiTaskBatch(x, [("z", ones(2))])));
        Throws(() => model.TaskParameters("z").Should().BeEmpty());
        model.Invoking(m => m.Losses(m.Outputs(x, ["a"]), [("b", ones(2))])).Should().Throw<KeyNotFoundException>().WithMessage("*'b'*'a'*");
        static void Throws(Action act) => act.Should().Throw<KeyNotFoundException>().WithMessage("*'z'*'a', 'b'*");
    }

    [Fact]
    public void Targets_that_do_not_fit_name_their_task()
    {
        using var model = Plain();
        var outputs = model.call(ones([2, 3], ScalarType.Float64));
        model.Invoking(m => m.Losses(outputs, [("b", ones([3, 1], ScalarType.Float64))])).Should().Throw<ArgumentException>().WithMessage("*'b'*[2, 1]*[3, 1]*");
    }

    [Fact]
    public void Refuses_tasks_that_are_none_and_trunks_that_are_others()
    {
        LearningTask Task(string name) => LearningTask.Regression(name, Linear(4, 1));
        Making(new HardSharing(Linear(3, 4))).Should().Throw<ArgumentException>().WithMessage("*at least one task*none*");
        Making(new HardSharing(Linear(3, 4)), Task("a"), Task("a")).Should().Throw<ArgumentException>().WithMessage("*distinct*'a'*");
        Making(new SingleTask(["a"], () => Linear(3, 4)), Task("a"), Task("b")).Should().Throw<ArgumentException>().WithMessage("SingleTask*'a'*'b'*");
        Making(new SingleTask(["a", "b"], () => Linear(3, 4)), Task("a")).Should().NotThrow("a trunk may know more tasks");
        Making(null!, Task("a")).Should().Throw<ArgumentNullException>();
        static Func<MultiTaskModel> Making(Trunk trunk, params LearningTask[] tasks) => () => new(trunk, tasks);
    }

    [Fact]
    public void Owns_its_modules()
    {
        var (encoder, head) = (Linear(3, 4), Linear(4, 1));
        var model = new MultiTaskModel(new HardSharing(encoder), [LearningTask.Regression("a", head), LearningTask.Regression("b", head)]);
        model.Dispose();
        encoder.weight.IsInvalid.Should().BeTrue();
        head.weight.IsInvalid.Should().BeTrue();
    }

    private static MultiTaskModel Plain()
    {
        var model = new MultiTaskModel(new HardSharing(Linear(3, 4)), [LearningTask.Regression("a", Linear(4, 1)), LearningTask.Regression("b", Linear(4, 1))]);
        model.to(ScalarType.Float64);
        return model;
    }

    private static void Same(IEnumerable<Parameter> found, IEnumerable<Parameter> expected) =>
        found.Select(p => p.Handle).Should().Equal(expected.Select(p => p.Handle));

    private sealed class Sum() : Module<Tensor, Tensor, Tensor>(nameof(Sum))
    {
        public override Tensor forward(Tensor a, Tensor b) => a + b;
    }
}
