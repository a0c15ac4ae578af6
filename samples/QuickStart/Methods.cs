using MultiTask;
using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Sharing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static TorchSharp.torch.optim;

namespace QuickStart;

/// <summary>What is compared: one line each for another architecture or another balancer.</summary>
internal sealed class Methods(IReadOnlyList<string> schools, int columns)
{
    public const string Pooled = "one pooled network";

    /// <summary>Learning rate and weight decay of each method, chosen by <c>--tune</c> on validation pupils of other splits.</summary>
    public IReadOnlyList<Candidate> Candidates =>
    [
        new(Pooled, () => Model(new HardSharing(Trunk()), PooledHeads(), new EqualWeights())) { Optimizer = AdamW(0.01, 1) },
        new("hard sharing", () => Model(new HardSharing(Trunk()), Heads(), new EqualWeights())) { Optimizer = AdamW(0.01, 1) },
        new("hard sharing, PCGrad", () => Model(new HardSharing(Trunk()), Heads(), new PCGrad())) { Optimizer = AdamW(0.01, 1) },
        new("hard sharing, uncertainty", () => Model(new HardSharing(Trunk()), Heads(), new UncertaintyWeighting(Heads()))) { Optimizer = AdamW(0.01, 1) },
        new("soft sharing", () => Soft(10)) { Optimizer = AdamW(0.01, 0.01) },
    ];

    /// <summary>A network of one school: its last layer included, so the head has nothing to add.</summary>
    public Sequential Tower() => Sequential(Linear(columns, 8), Tanh(), Linear(8, 1));

    /// <summary>The tasks of networks that have no common trunk.</summary>
    public LearningTask[] TowerTasks() => [.. schools.Select(school => LearningTask.Regression(school, Identity()))];

    public static Func<IReadOnlyList<Parameter>, Optimizer> AdamW(double learningRate, double weightDecay) =>
        parameters => optim.AdamW(parameters, learningRate, weight_decay: weightDecay);

    public (MultiTaskModel Model, Balancer Balancer) Soft(double strength)
    {
        var tasks = TowerTasks();
        return Model(new SoftSharing(tasks, () => Tower(), new L2Distance(strength / tasks.Length)), tasks, new EqualWeights());
    }

    public Sequential Trunk() => Sequential(Linear(columns, 16), Tanh());

    /// <summary>A head for each school. They start alike: what makes a school different is learned from its pupils.</summary>
    public LearningTask[] Heads()
    {
        var first = Linear(16, 1);
        return [.. schools.Select(school => LearningTask.Regression(school, Copy(first)))];
    }

    /// <summary>One head for all schools.</summary>
    public LearningTask[] PooledHeads()
    {
        var head = Linear(16, 1);
        return [.. schools.Select(school => LearningTask.Regression(school, head))];
    }

    public static (MultiTaskModel Model, Balancer Balancer) Model(Trunk trunk, LearningTask[] tasks, Balancer balancer) =>
        (new(trunk, tasks), balancer);

    private static Linear Copy(Linear first)
    {
        var copy = Linear(first.in_features, first.out_features);
        copy.load_state_dict(first.state_dict());
        return copy;
    }
}
