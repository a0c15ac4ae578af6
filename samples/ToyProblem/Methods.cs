using MultiTask;
using MultiTask.Balancing;

namespace ToyProblem;

/// <summary>What is compared. Every start gets a balancer of its own, for some remember what they have seen.</summary>
internal static class Methods
{
    /// <summary>The methods, by name.</summary>
    /// <param name="scale">The factor of the first task's loss: FAMO asks what the losses never go below.</param>
    public static IReadOnlyList<(string Name, Func<Balancer> Create)> Of(double scale) =>
    [
        ("Equal weights", () => new EqualWeights()),
        ("STCH", () => new STCH()),
        ("FAMO", () => new FAMO(["1", "2"], bounds: [("1", Toy.Bound * scale), ("2", Toy.Bound)], gamma: 0, amortized: true)),
        ("MGDA", () => new MGDA()),
        ("PCGrad", () => new PCGrad()),
        ("IMTL-G", () => new IMTLG()),
        ("Aligned-MTL", () => new AlignedMTL()),
        ("ConFIG", () => new ConFIG()),
    ];
}
