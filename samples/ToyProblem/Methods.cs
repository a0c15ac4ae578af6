using MultiTask;
using MultiTask.Balancing;

namespace ToyProblem;

/// <summary>What is compared. Every start gets a balancer of its own, for some remember what they have seen.</summary>
internal static class Methods
{
    /// <summary>The methods, by name.</summary>
    /// <param name="scale">The factor of the first task's loss: FAMO and STCH ask what the losses never go below.</param>
    public static IReadOnlyList<(string Name, Func<Balancer> Create)> Of(double scale) =>
    [
        ("Equal weights", () => new EqualWeights()),
        ("STCH", () => new STCH(ideal: Bounds(scale))),
        ("FAMO", () => new FAMO(["1", "2"], Bounds(scale), gamma: 0, amortized: true)),
        ("MGDA", () => new MGDA()),
        ("PCGrad", () => new PCGrad()),
        ("CAGrad", () => new CAGrad()),
        ("Nash-MTL", () => new NashMTL()),
        ("FairGrad", () => new FairGrad()),
        ("IMTL-G", () => new IMTLG()),
        ("ConFIG", () => new ConFIG()),
        ("Aligned-MTL", () => new AlignedMTL()),
    ];

    private static TaskMap<double> Bounds(double scale) => [("1", Toy.Bound * scale), ("2", Toy.Bound)];
}
