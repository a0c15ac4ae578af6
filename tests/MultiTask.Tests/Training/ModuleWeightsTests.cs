using FluentAssertions;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

public sealed class ModuleWeightsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly DisposeScope scope = NewDisposeScope();

    private string Target => directory.File("weights.safetensors");

    public void Dispose()
    {
        scope.Dispose();
        directory.Dispose();
    }

    [Fact]
    public void Weights_and_buffers_come_back_exactly()
    {
        using var saved = new Network(3);
        using var loaded = new Network(3);
        saved.call(randn(8, 4));

        saved.SaveWeights(Target);
        var (missing, unexpected) = loaded.LoadWeights(Target);

        missing.Should().BeEmpty();
        unexpected.Should().BeEmpty();
        Same(saved, loaded).Should().BeTrue();
        loaded.parameters().Should().OnlyContain(p => p.requires_grad && p.is_leaf);
    }

    [Fact]
    public void Names_are_those_of_the_fields()
    {
        using var network = new Network(3);

        network.SaveWeights(Target, new Dictionary<string, string> { ["epoch"] = "7" });

        var header = Safetensors.ReadHeader(Target);
        header.Tensors.Select(t => t.Name).Should().BeEquivalentTo(
            "encoder.0.weight", "encoder.0.bias",
            "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked");
        header.Metadata.Should().Equal(new Dictionary<string, string> { ["epoch"] = "7", ["format"] = "pt" });
    }

    [Fact]
    public void All_differences_are_listed_and_nothing_is_changed()
    {
        using var saved = new Network(3);
        var tensors = saved.state_dict();
        tensors.Remove("norm.bias");
        tensors["norm.weight"] = tensors["norm.weight"].detach().to(ScalarType.Int64);
        tensors["encoder.0.weight"] = zeros(3, 5);
        tensors["encoder.0.bias"] = zeros(1);
        tensors["extra"] = zeros(2);
        Safetensors.Save(Target, tensors);
        using var other = new Network(3);
        var before = Copy(other);

        var load = () => other.LoadWeights(Target);

        load.Should().Throw<InvalidDataException>().WithMessage(
            $"'{Target}' does not fit the module Network:*'norm.bias' Float32 [3] is missing*'extra' Float32 [2] is unexpected*" +
            "'encoder.0.weight' should be Float32 [3, 4]. Found Float32 [3, 5]*" +
            "'encoder.0.bias' should be Float32 [3]. Found Float32 [1]*" +
            "'norm.weight' should be Float32 [3]. Found Int64 [3]*unchanged.");
        other.state_dict().Should().OnlyContain(p => p.Value.Equals(before[p.Key]));
    }

    [Fact]
    public void What_both_have_is_loaded_when_not_strict()
    {
        using var saved = new Network(3);
        var tensors = saved.state_dict();
        tensors.Remove("norm.bias");
        tensors["extra"] = zeros(2);
        Safetensors.Save(Target, tensors);
        using var other = new Network(3);

        var (missing, unexpected) = other.LoadWeights(Target, strict: false);

        missing.Should().Equal("norm.bias");
        unexpected.Should().Equal("extra");
        Same(saved, other).Should().BeTrue();
    }

    [Fact]
    public void Shapes_have_to_agree_even_when_not_strict()
    {
        using var saved = new Network(1);
        using var other = new Network(3);
        saved.SaveWeights(Target);

        var load = () => other.LoadWeights(Target, strict: false);

        load.Should().Throw<InvalidDataException>("copying would broadcast silently").WithMessage("*should be*");
    }

    [Fact]
    public void A_long_list_of_differences_is_cut()
    {
        using var saved = new Network(3);
        Safetensors.Save(Target, Enumerable.Range(0, 100).Select(i => KeyValuePair.Create($"t{i}", zeros(1))));

        var load = () => saved.LoadWeights(Target);

        load.Should().Throw<InvalidDataException>().WithMessage("*and 97 more differences*");
    }

    [Fact]
    public void A_damaged_file_changes_nothing()
    {
        using var network = new Network(3);
        network.SaveWeights(Target);
        File.WriteAllBytes(Target, File.ReadAllBytes(Target)[..^1]);
        var before = Copy(network);

        var load = () => network.LoadWeights(Target);

        load.Should().Throw<InvalidDataException>().WithMessage($"'{Target}':*cut off*");
        network.state_dict().Should().OnlyContain(p => p.Value.Equals(before[p.Key]));
    }

    [Fact]
    public void No_tensor_stays_behind()
    {
        using var network = new Network(3);
        network.SaveWeights(Target);

        LiveTensors.ShouldStayTheSame(() =>
        {
            network.SaveWeights(Target);
            network.LoadWeights(Target);
            network.LoadWeights(Target, strict: false);
        });
    }

    private static Dictionary<string, Tensor> Copy(nn.Module module) => module.state_dict().ToDictionary(p => p.Key, p => p.Value.detach().clone());

    private static bool Same(nn.Module one, nn.Module other)
    {
        var state = other.state_dict();
        return one.state_dict().All(p => p.Value.Equals(state[p.Key]));
    }

    private sealed class Network : Module<Tensor, Tensor>
    {
        private readonly Sequential encoder;
        private readonly BatchNorm1d norm;

        public Network(int width)
            : base(nameof(Network))
        {
            encoder = Sequential(Linear(4, width), ReLU());
            norm = BatchNorm1d(width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => norm.call(encoder.call(input));
    }
}
