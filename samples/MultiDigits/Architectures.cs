using MultiTask;
using MultiTask.Sharing;
using Shared;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace MultiDigits;

/// <summary>What is compared.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Trunk">Makes the trunk of a width.</param>
/// <param name="Settings">How it is trained, chosen by <c>--tune</c>.</param>
/// <param name="Width">The width; without, that at which the model is as large as two networks of width 64.</param>
internal sealed record Architecture(string Name, Func<int, Trunk> Trunk, Settings Settings, int? Width = null)
{
    private static readonly string[] Tasks = ["left", "right"];

    /// <summary>Two networks, one for each digit: what all others are compared with.</summary>
    public static Architecture TwoNetworks { get; } = new("two networks", w => new SingleTask(Tasks, () => Encoder(w)), new(0.02, 0.1), Width: 64);

    /// <summary>Another architecture is another line.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
    [
        new("hard sharing, half the size", w => new HardSharing(Encoder(w)), new(0.02, 0.1), Width: 64),
        new("hard sharing", w => new HardSharing(Encoder(w)), new(0.02, 0.1)),
        new("hard sharing, four times the size", w => new HardSharing(Encoder(w)), new(0.01, 0.1), Width: 256),
        SoftSharing(strength: 0.0001, new(0.04, 0.1)),
        new("cross-stitch", w => new CrossStitch(Tasks, () => Stages(w)), new(0.02, 0.1)),
        new("sluice", w => new Sluice(Tasks, () => Stages(w)), new(0.02, 0.1)),
        new("MTAN", w => new MTAN(Tasks, Stages(w)), new(0.005, 0.1)),
        new("FiLM", w => new FiLM(Tasks, Stages(w)), new(0.01, 0.1)),
        new("MMoE, 2 experts", w => new MMoE(Tasks, experts: 2, () => Encoder(w)), new(0.02, 0.1)),
        new("MMoE, 4 experts", w => new MMoE(Tasks, experts: 4, () => Encoder(w)), new(0.04, 0.1)),
        new("DSelect-k, 2 of 4", w => new DSelectK(Tasks, experts: 4, k: 2, () => Encoder(w)), new(0.02, 0.1)),
        new("CGC", w => new CGC(Tasks, experts: 1, shared: 1, () => Encoder(w)), new(0.02, 0.1)),
        new("PLE", w => new PLE(Tasks, experts: 1, shared: 1, () => Stages(w)), new(0.02, 0.1)),
        new("AdaTT", w => new AdaTT(Tasks, experts: 1, () => Stages(w)), new(0.01, 0.1)),
    ];

    /// <summary>Two networks that are held together.</summary>
    public static Architecture SoftSharing(double strength, Settings settings) =>
        new("soft sharing", w => new SoftSharing(Tasks, () => Encoder(w), new L2Distance(strength)), settings);

    /// <summary>The heads of a width.</summary>
    public static LearningTask[] Heads(int width) => [.. Tasks.Select(task => LearningTask.Classification(task, Linear(width, 10)))];

    /// <summary>An encoder of two layers.</summary>
    public static Sequential Encoder(int width) => Sequential(Linear(DigitPairs.Pixels, width), ReLU(), Linear(width, width), ReLU());

    /// <summary>The whole model.</summary>
    public MultiTaskModel Build(int width) => new(Trunk(width), Heads(width));

    /// <summary>The width that is given, or that which makes the model as large as two networks.</summary>
    public int FindWidth()
    {
        using var two = TwoNetworks.Build(TwoNetworks.Width!.Value);
        return Width ?? Budget.Width(Budget.Size(two), Build, multipleOf: 2);
    }

    /// <summary>The same two layers, where features are mixed after each.</summary>
    private static IReadOnlyList<Encoder> Stages(int width) =>
        [Sequential(Linear(DigitPairs.Pixels, width), ReLU()), Sequential(Linear(width, width), ReLU())];
}
