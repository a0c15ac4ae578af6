namespace MultiTask.Tests.Contracts;

/// <content>What only tests need.</content>
internal static partial class Concrete
{
    public static TheoryData<Type> TheoryOf<T>() => new(TypesOf<T>());

    /// <summary>A balancer for tasks of a small network, on whose data it may look.</summary>
    public static Balancer Balancer(Type type, IReadOnlyList<string> tasks, SmallNet net) => Balancer(type, tasks, () => net.Losses(), net.All);
}
