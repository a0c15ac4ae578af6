using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Balancing;

/// <summary>
/// The toy example of the GradNorm paper (Chen et al., ICML 2018, section 5.1), smaller: tasks fᵢ(x) = σᵢ tanh((B + εᵢ) x), alike but
/// for their scale, so that squared errors of equal weight leave the network to the task of the largest scale.
/// </summary>
public sealed class GradNormToyTests
{
    private static readonly double[] Scales = [1, 10];

    [Fact]
    public void The_task_of_the_small_scale_is_learned_too()
    {
        using var equal = new EqualWeights();
        using var gradNorm = new GradNorm(["0", "1"], alpha: 0.12);
        var (byEqual, byGradNorm) = (Train(equal), Train(gradNorm));
        gradNorm.LastWeights!["0"].Should().BeGreaterThan(1.7, "the weights sum to 2");
        byGradNorm[0].Should().BeLessThan(byEqual[0] / 2);
        byGradNorm.Sum().Should().BeLessThan(0.7 * byEqual.Sum());
    }

    /// <summary>Each task's squared error on new inputs, for its scale.</summary>
    private static double[] Train(Balancer balancer)
    {
        manual_seed(1);
        using var scope = NewDisposeScope();
        var common = randn(10, 5);
        var maps = Array.ConvertAll(Scales, _ => (common + (0.35 * randn(10, 5))) / 3);
        TaskMap<Tensor> Targets(Tensor x) => TaskMap.Create(maps.Select((map, i) => ($"{i}", Scales[i] * x.matmul(map).tanh())));

        using var trunk = Sequential(Linear(10, 16), ReLU(), Linear(16, 16), ReLU());
        TaskMap<Linear> heads = [("0", Linear(16, 5)), ("1", Linear(16, 5))];
        TaskMap<Tensor> Errors(Tensor x)
        {
            var features = trunk.call(x);
            return Targets(x).Map((task, target) => functional.mse_loss(heads[task].call(features), target));
        }

        using var optimizer = optim.Adam([.. trunk.parameters(), .. heads.Values.SelectMany(h => h.parameters())], 3e-3);
        var train = randn(512, 10);
        for (var k = 0; k < 1_000; k++)
        {
            using var step = NewDisposeScope();
            optimizer.zero_grad();
            balancer.Backward(Errors(train), trunk.parameters());
            optimizer.step();
        }

        return [.. Errors(randn(512, 10)).Select((error, i) => error.Value.item<float>() / (Scales[i] * Scales[i]))];
    }
}
