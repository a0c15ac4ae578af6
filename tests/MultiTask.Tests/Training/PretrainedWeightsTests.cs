using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>Files with PyTorch's names, shapes and types, and what has to be renamed to load them.</summary>
public sealed class PretrainedWeightsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly DisposeScope scope = NewDisposeScope();

    public PretrainedWeightsTests() => manual_seed(3);

    private string File => directory.File("pretrained.safetensors");

    public void Dispose()
    {
        scope.Dispose();
        directory.Dispose();
    }

    /// <summary>The names that torchvision gives to a ResNet's first block.</summary>
    [Fact]
    public void A_convolutional_network_loads_under_its_own_names()
    {
        var file = Save(
            ("conv1.weight", [4, 3, 3, 3]),
            ("bn1.weight", [4]), ("bn1.bias", [4]), ("bn1.running_mean", [4]), ("bn1.running_var", [4]), ("bn1.num_batches_tracked", []),
            ("layer1.0.conv1.weight", [4, 4, 3, 3]),
            ("layer1.0.bn1.weight", [4]), ("layer1.0.bn1.bias", [4]), ("layer1.0.bn1.running_mean", [4]), ("layer1.0.bn1.running_var", [4]), ("layer1.0.bn1.num_batches_tracked", []),
            ("fc.weight", [10, 4]), ("fc.bias", [10]));
        using var model = new MultiTaskModel(new HardSharing(new Convolutions()), [LearningTask.Regression("age", Linear(4, 1))]);

        var (missing, unexpected) = model.Trunk.LoadWeights(File, strict: true, rename: name => name.StartsWith("fc.", StringComparison.Ordinal) ? null : $"encoder.{name}");

        missing.Should().BeEmpty();
        unexpected.Should().BeEmpty("what is left out on purpose is no surprise");
        model.eval();
        var x = randn(2, 3, 5, 5);
        model.Trunk.call(x).Shared!.Values().Should().Equal(ByHand(x).Values(), (a, b) => Math.Abs(a - b) < 1e-5);
        model.state_dict()["trunk.encoder.bn1.num_batches_tracked"].item<long>().Should().Be(7);

        Tensor ByHand(Tensor images) => Block(Block(images, string.Empty), "layer1.0.").mean([2L, 3L]);

        Tensor Block(Tensor images, string name) => functional.batch_norm(
            functional.conv2d(images, file[$"{name}conv1.weight"], padding: [1, 1]),
            file[$"{name}bn1.running_mean"], file[$"{name}bn1.running_var"], file[$"{name}bn1.weight"], file[$"{name}bn1.bias"], training: false).relu();
    }

    [Fact]
    public void A_recurrent_network_loads_under_its_own_names()
    {
        var file = Save(("weight_ih_l0", [8, 3]), ("weight_hh_l0", [8, 2]), ("bias_ih_l0", [8]), ("bias_hh_l0", [8]));
        using var lstm = LSTM(3, 2);
        lstm.LoadWeights(File);

        var (x, h, c) = (randn(1, 1, 3), zeros(1, 2), zeros(1, 2));
        var (output, _, _) = lstm.call(x);
        var gates = (x[0].matmul(file["weight_ih_l0"].t()) + file["bias_ih_l0"] + h.matmul(file["weight_hh_l0"].t()) + file["bias_hh_l0"]).chunk(4, 1);
        c = (gates[0].sigmoid() * gates[2].tanh()) + (gates[1].sigmoid() * c);
        output.Values().Should().Equal((gates[3].sigmoid() * c.tanh()).Values(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void A_transformer_layer_loads_under_its_own_names()
    {
        var file = Save(
            ("self_attn.in_proj_weight", [12, 4]), ("self_attn.in_proj_bias", [12]), ("self_attn.out_proj.weight", [4, 4]), ("self_attn.out_proj.bias", [4]),
            ("linear1.weight", [8, 4]), ("linear1.bias", [8]), ("linear2.weight", [4, 8]), ("linear2.bias", [4]),
            ("norm1.weight", [4]), ("norm1.bias", [4]), ("norm2.weight", [4]), ("norm2.bias", [4]));
        using var layer = TransformerEncoderLayer(4, 1, 8, dropout: 0);
        layer.LoadWeights(File);

        var x = randn(3, 1, 4);
        var qkv = (x.squeeze(1).matmul(file["self_attn.in_proj_weight"].t()) + file["self_attn.in_proj_bias"]).chunk(3, 1);
        var attended = (qkv[0].matmul(qkv[1].t()) / 2).softmax(1).matmul(qkv[2]);
        var h = Norm(x.squeeze(1) + Dense(attended, "self_attn.out_proj"), "norm1");
        var expected = Norm(h + Dense(Dense(h, "linear1").relu(), "linear2"), "norm2");
        layer.call(x, null!, null!).Values().Should().Equal(expected.Values(), (a, b) => Math.Abs(a - b) < 1e-5);

        Tensor Dense(Tensor t, string name) => t.matmul(file[$"{name}.weight"].t()) + file[$"{name}.bias"];

        Tensor Norm(Tensor t, string name) => functional.layer_norm(t, [4], file[$"{name}.weight"], file[$"{name}.bias"]);
    }

    /// <summary>The table of docs/transfer.md: TorchSharp's modules have PyTorch's names.</summary>
    [Fact]
    public void Names_of_modules_are_those_of_PyTorch()
    {
        Names(Conv2d(1, 1, 3)).Should().Equal("weight", "bias");
        Names(BatchNorm2d(2)).Should().Equal("weight", "bias", "running_mean", "running_var", "num_batches_tracked");
        Names(Embedding(2, 2)).Should().Equal("weight");
        Names(LayerNorm(2)).Should().Equal("weight", "bias");
        Names(GRU(2, 2, 2, bidirectional: true)).Should().Equal(
            from layer in new[] { "l0", "l0_reverse", "l1", "l1_reverse" }
            from name in new[] { "weight_ih", "weight_hh", "bias_ih", "bias_hh" }
            select $"{name}_{layer}");
        Names(MultiheadAttention(4, 2)).Should().Equal("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias");
        Names(TransformerEncoder(TransformerEncoderLayer(4, 2, 8), 2)).Should().HaveCount(24).And.Contain(["layers.0.self_attn.in_proj_weight", "layers.1.norm2.bias"]);
        Names(TransformerDecoderLayer(4, 2, 8)).Should().Contain(["multihead_attn.in_proj_weight", "norm3.weight"]);
        Names(Sequential(Linear(1, 1), ReLU(), Linear(1, 1))).Should().Equal("0.weight", "0.bias", "2.weight", "2.bias");

        static IEnumerable<string> Names(nn.Module module) => module.state_dict().Keys;
    }

    [Theory]
    [InlineData(ScalarType.BFloat16, ScalarType.Float32)]
    [InlineData(ScalarType.Float16, ScalarType.Float32)]
    [InlineData(ScalarType.Float64, ScalarType.Float32)]
    [InlineData(ScalarType.Float32, ScalarType.Float64)]
    [InlineData(ScalarType.Float32, ScalarType.BFloat16)]
    public void Floating_types_are_converted(ScalarType file, ScalarType module)
    {
        var values = randn(2, 3).to(file);
        Safetensors.Save(File, new Dictionary<string, Tensor> { ["weight"] = values });
        using var layer = Linear(3, 2, hasBias: false, dtype: module);
        layer.LoadWeights(File);
        layer.weight!.dtype.Should().Be(module);
        layer.weight!.Equals(values.to(module)).Should().BeTrue();
    }

    [Fact]
    public void Other_types_are_not_and_values_do_not_overflow()
    {
        using var layer = Linear(3, 2, hasBias: false);
        Safetensors.Save(File, new Dictionary<string, Tensor> { ["weight"] = ones(2, 3, dtype: ScalarType.Int32) });
        layer.Invoking(l => l.LoadWeights(File)).Should().Throw<InvalidDataException>().WithMessage("*'weight' should be Float32 [2, 3]. Found Int32 [2, 3]*");
        Safetensors.Save(File, new Dictionary<string, Tensor> { ["num_batches_tracked"] = ones([], dtype: ScalarType.Float32) });
        using var norm = BatchNorm1d(2);
        norm.Invoking(n => n.LoadWeights(File, strict: false)).Should().Throw<InvalidDataException>().WithMessage("*should be Int64*Float32*");

        layer.to(ScalarType.Float16);
        Safetensors.Save(File, new Dictionary<string, Tensor> { ["weight"] = full([2, 3], 1e5f) });
        layer.Invoking(l => l.LoadWeights(File)).Should().Throw<InvalidDataException>().WithMessage("*'weight' should have values that Float16 can hold*");
        Safetensors.Save(File, new Dictionary<string, Tensor> { ["weight"] = full([2, 3], float.PositiveInfinity) });
        layer.LoadWeights(File);
        layer.weight!.isinf().all().item<bool>().Should().BeTrue("infinite it was before");
    }

    [Fact]
    public void Messages_have_both_names()
    {
        Save(("a.weight", [2, 4]), ("a.bias", [2]), ("b", [1]));
        using var layer = Linear(3, 2);
        var before = Rig.Bits(layer);
        layer.Invoking(l => l.LoadWeights(File, rename: name => name.Replace("a.", string.Empty, StringComparison.Ordinal))).Should().Throw<InvalidDataException>()
            .WithMessage("*'b' Float32 [1] is unexpected*'weight' (there 'a.weight') should be Float32 [2, 3]. Found Float32 [2, 4]*unchanged*");
        layer.Invoking(l => l.LoadWeights(File, rename: name => $"x.{name}")).Should().Throw<InvalidDataException>().WithMessage("*'x.b' (there 'b') Float32 [1] is unexpected*");
        layer.Invoking(l => l.LoadWeights(File, rename: _ => "weight")).Should().Throw<ArgumentException>().WithMessage("`rename` should give each name once. Found 'weight' for 'a.*' and for '*'*");
        Rig.Bits(layer).Should().Be(before);
    }

    [Fact]
    public void A_file_that_has_nothing_of_the_module_is_refused_even_when_not_strict()
    {
        Save(("encoder.weight", [2, 3]), ("encoder.bias", [2]));
        using var layer = Linear(3, 2);
        layer.Invoking(l => l.LoadWeights(File, strict: false)).Should().Throw<InvalidDataException>()
            .WithMessage("*some weight of the module Linear, such as 'weight', 'bias'. Found 'encoder.*', 'encoder.*'*unchanged*");
        var (missing, unexpected) = layer.LoadWeights(File, strict: false, name => name == "encoder.weight" ? "weight" : name);
        missing.Should().Equal("bias");
        unexpected.Should().Equal("encoder.bias");
    }

    [Fact]
    public void No_tensor_stays_behind()
    {
        using var layer = Linear(3, 2);
        using var half = Linear(3, 2, dtype: ScalarType.Float16);
        layer.SaveWeights(File);
        LiveTensors.ShouldStayTheSame(() =>
        {
            half.LoadWeights(File);
            half.LoadWeights(File, strict: false, name => name == "bias" ? null : name);
        });
    }

    /// <summary>A file as PyTorch would write it: random numbers, variances above 0, counts as int64 scalars.</summary>
    private Dictionary<string, Tensor> Save(params (string Name, long[] Shape)[] weights)
    {
        var tensors = weights.ToDictionary(
            w => w.Name,
            w => w.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal) ? tensor(7L) : w.Name.EndsWith("var", StringComparison.Ordinal) ? rand(w.Shape) + 0.5 : randn(w.Shape));
        Safetensors.Save(File, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        return tensors;
    }

    private sealed class Convolutions : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1 = Conv2d(3, 4, 3, padding: 1, bias: false);
        private readonly BatchNorm2d bn1 = BatchNorm2d(4);
        private readonly Sequential layer1 = Sequential(Sequential(("conv1", Conv2d(4, 4, 3, padding: 1, bias: false)), ("bn1", BatchNorm2d(4)), ("relu", ReLU())));

        public Convolutions()
            : base(nameof(Convolutions)) => RegisterComponents();

        public override Tensor forward(Tensor input) => layer1.call(bn1.call(conv1.call(input)).relu()).mean([2L, 3L]);
    }
}
