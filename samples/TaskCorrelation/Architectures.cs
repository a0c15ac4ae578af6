using MultiTask;
using MultiTask.Sharing;
using Shared;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TaskCorrelation;

/// <summary>What is compared.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Trunk">Makes the trunk of a width.</param>
/// <param name="LearningRate">Adam's, chosen by <c>--tune</c>.</param>
internal sealed record Architecture(string Name, Func<int, Trunk> Trunk, double LearningRate)
{
    private static readonly IReadOnlyList<string> Tasks = RelatedTasks.Names;

    /// <summary>The paper's model, of eight experts of 16 units each; all others are as large.</summary>
    private static readonly Architecture MMoE = new("MMoE", w => new MMoE(Tasks, experts: 8, () => Layer(w)), 0.01);

    /// <summary>Another architecture is another line.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        new("single-task", w => new SingleTask(Tasks, () => Layer(w)), 0.005),
        new("hard sharing", w => new HardSharing(Layer(w)), 0.01),
        SoftSharing(strength: 0.0001, 0.005),
        new("cross-stitch", w => new CrossStitch(Tasks, () => [Layer(w)]), 0.03),
        new("OMoE", w => new OMoE(experts: 8, () => Layer(w)), 0.02),
        MMoE,
        new("PLE, one level", w => new PLE(Tasks, experts: 3, shared: 2, () => [Layer(w)]), 0.01),
    ];

    /// <summary>Two networks that are held together.</summary>
    public static Architecture SoftSharing(double strength, double learningRate) =>
        new("soft sharing", w => new SoftSharing(Tasks, () => Layer(w), new L2Distance(strength)), learningRate);

    /// <summary>The whole model: the trunk, and the paper's tower of 8 units for each task.</summary>
    public MultiTaskModel Build(int width) => new(Trunk(width),
    [
        .. Tasks.Select(task => LearningTask.Regression(task, Sequential(Linear(width, 8), ReLU(), Linear(8, 1)))),
    ]);

    /// <summary>The width that makes the model as large as the paper's.</summary>
    public int FindWidth()
    {
        using var paper = MMoE.Build(16);
        return Budget.Width(Budget.Size(paper), Build);
    }

    private static Sequential Layer(int width) => Sequential(Linear(RelatedTasks.Inputs, width), ReLU());
}
