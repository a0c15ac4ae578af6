using MultiTask;
using MultiTask.Balancing;

namespace ToyProblem;

/// <summary>What is compared. Every start gets a balancer of its own, for some remember what they have seen.</summary>
internal static class Methods
{
    public static readonly (string Name, Func<Balancer> Create)[] All =
    [
        ("Equal weights", () => new EqualWeights()),
        ("PCGrad", () => new PCGrad()),
        ("MGDA", () => new MGDA()),
    ];
}
