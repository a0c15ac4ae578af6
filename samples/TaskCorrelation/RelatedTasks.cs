using MultiTask;
using MultiTask.Data;
using static TorchSharp.torch;

namespace TaskCorrelation;

/// <summary>
/// Two regression tasks that are as related as one wants: Ma et al., <i>Modeling Task Relationships in Multi-task Learning with
/// Multi-gate Mixture-of-Experts</i> (KDD 2018), section 3.2.
/// </summary>
/// <remarks>
/// yₖ = wₖᵀx + Σᵢ sin(αᵢ wₖᵀx + βᵢ) + noise, for x ~ N(0, I) and unit vectors w₁ and w₂ with cosine p: the two tasks are one
/// function along two directions. The paper does not tell the αᵢ and βᵢ. These are i and (i − 1)², as in its authors'
/// colleagues' generator at Google Research, but three of them, not ten.
/// </remarks>
internal static class RelatedTasks
{
    public const int Inputs = 100;

    private const int Waves = 3;
    private const double Noise = 0.01;

    /// <summary>The tasks' names.</summary>
    public static readonly string[] Names = ["first", "second"];

    /// <summary>Samples to learn from and to test with. For a seed, inputs and the first task are the same at every cosine.</summary>
    /// <param name="seed">Where directions, inputs and noise come from.</param>
    /// <param name="cosine">The cosine p of the tasks' directions, from 0 to 1.</param>
    /// <param name="train">How many samples to learn from.</param>
    /// <param name="test">How many to test with.</param>
    public static (MultiTaskDataset Train, MultiTaskDataset Test) Draw(int seed, double cosine, int train, int test)
    {
        using var generator = new Generator((ulong)seed);
        var (directions, _) = linalg.qr(randn([Inputs, 2], generator: generator));
        var (u1, u2) = (directions.select(1, 0), directions.select(1, 1));
        var (w1, w2) = (u1, (cosine * u1) + (Math.Sqrt(1 - (cosine * cosine)) * u2));
        return (Sample(train), Sample(test));

        MultiTaskDataset Sample(int count)
        {
            var x = randn([count, Inputs], generator: generator);
            return new(x, [(Names[0], Labels(x, w1)), (Names[1], Labels(x, w2))]);
        }

        Tensor Labels(Tensor x, Tensor w) => Along(x.mv(w)) + (Noise * randn([x.shape[0]], generator: generator));
    }

    /// <summary>The variance of a task's labels: the squared error of one who always says their mean.</summary>
    public static double Variance()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(0);
        return Along(randn([1_000_000], generator: generator)).var().item<float>();
    }

    /// <summary>The function of both tasks, of how far a sample lies along the task's direction.</summary>
    private static Tensor Along(Tensor z) =>
        Enumerable.Range(1, Waves).Select(i => ((i * z) + ((i - 1) * (i - 1))).sin()).Aggregate(z, (sum, wave) => sum + wave);
}
