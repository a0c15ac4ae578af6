using MultiTask.Sharing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>Linear regressions on few samples, for which least squares with a quadratic penalty have closed forms.</summary>
internal sealed class LinearTasks
{
    public const int Features = 4;
    private readonly Tensor[] x;
    private readonly Tensor[] y;

    public LinearTasks(int tasks, int samples, int seed, double apart = 1, double noise = 0.3)
    {
        using var generator = new Generator((ulong)seed);
        Names = Layers.Names[..tasks];
        Tensor Normal(params long[] shape) => randn(shape, ScalarType.Float64, generator: generator);
        var common = Normal(Features, 1);
        True = [.. Names.Select(_ => common + (apart * Normal(Features, 1)))];
        x = [.. Names.Select(_ => Normal(samples, Features))];
        y = [.. x.Zip(True, (x, w) => x.matmul(w) + (noise * Normal(samples, 1)))];
    }

    public string[] Names { get; }

    /// <summary>The weights that the data were made with, each <c>[d, 1]</c>.</summary>
    public Tensor[] True { get; }

    public SoftSharing Trunk(SharingPenalty penalty, bool proximal = false) =>
        new(Names, () => nn.Linear(Features, 1, hasBias: false, dtype: ScalarType.Float64), penalty, proximal: proximal);

    /// <summary>Σₜ ‖Xₜwₜ − yₜ‖² of a trunk's towers.</summary>
    public Tensor Loss(SoftSharing trunk) =>
        Names.Select((task, t) => (trunk.call(x[t]).For(task) - y[t]).square().sum()).Aggregate((a, b) => a + b);

    /// <summary>
    /// argmin of Σₜ ‖Xₜ(Σᵢ Mₜᵢ uᵢ) − yₜ‖² + Σᵢ rᵢ‖uᵢ‖² + Σₛₜ Kₛₜ⟨uₛ, uₜ⟩: tasks' weights made of blocks u, by one linear system.
    /// </summary>
    /// <returns>The tasks' weights, each <c>[d]</c>.</returns>
    public Tensor[] Solve(double[,] made, double[,] charged)
    {
        var blocks = made.GetLength(1);
        var m = tensor(made);
        var normal = kron(tensor(charged), eye(Features, dtype: ScalarType.Float64));
        var right = zeros([blocks * Features, 1], ScalarType.Float64);
        for (var t = 0; t < Names.Length; t++)
        {
            var design = kron(m[t].unsqueeze(0), x[t]);
            normal += design.t().matmul(design);
            right += design.t().matmul(y[t]);
        }

        var u = linalg.solve(normal, right).reshape(blocks, Features);
        return [.. m.matmul(u).unbind(0)];
    }

    /// <summary>The norm of the whole gradient of loss and penalty at some weights: 0 at the minimum, for these are convex.</summary>
    public double Slope(SharingPenalty penalty, IReadOnlyList<Tensor> weights)
    {
        using var trunk = Trunk(penalty);
        Set(trunk, weights);
        (Loss(trunk) + trunk.Penalty()!).backward();
        return Math.Sqrt(trunk.parameters().Sum(p => p.grad!.square().sum().item<double>()));
    }

    /// <summary>Gradient steps on the loss, and the penalty by gradient or by step; the weights, <c>[T, d]</c>.</summary>
    public Tensor Train(SharingPenalty penalty, int steps, double rate, bool proximal, int? epoch = null)
    {
        using var trunk = Trunk(penalty, proximal);
        Set(trunk, [.. Names.Select(_ => zeros(Features, dtype: ScalarType.Float64))]);
        using var optimizer = optim.SGD(trunk.parameters().ToList(), rate);
        for (var step = 1; step <= steps; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            Loss(trunk).backward();
            trunk.Penalty()?.backward();
            optimizer.step();
            trunk.EndStep(rate);
            if (step % epoch == 0)
            {
                trunk.EndEpoch();
            }
        }

        return stack(Weights(trunk).Select(p => p.detach().flatten()));
    }

    /// <summary>The mean squared distance to the true weights: the excess risk, for features of unit covariance.</summary>
    public double Risk(Tensor weights) => Names.Select((_, t) => (weights[t] - True[t].flatten()).square().sum().item<double>()).Average();

    public Parameter[] Weights(SoftSharing trunk) => [.. Names.Select(t => trunk.TaskParameters(t).Single())];

    private void Set(SoftSharing trunk, IReadOnlyList<Tensor> weights)
    {
        using var off = no_grad();
        foreach (var (parameter, value) in Weights(trunk).Zip(weights))
        {
            parameter.copy_(value.reshape(1, Features));
        }
    }
}
