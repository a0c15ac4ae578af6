using System.Reflection;
using MultiTask.Sharing;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Contracts;

/// <summary>Finds the concrete types of the library and makes instances of them: nobody keeps a list.</summary>
internal static partial class Concrete
{
    public static IEnumerable<Type> TypesOf<T>() => typeof(Balancer).Assembly.GetTypes()
        .Where(t => t.IsPublic && !t.IsAbstract && t.IsAssignableTo(typeof(T)))
        .OrderBy(t => t.Name, StringComparer.Ordinal);

    /// <summary>A balancer for tasks, with default options; a decorator gets <c>MGDA</c>, and <c>DWA</c> where it takes loss weights.</summary>
    /// <param name="type">The balancer's type.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="losses">What gives losses to balancers that look at data themselves.</param>
    /// <param name="parameters">What these differentiate by.</param>
    /// <param name="stepSize">How far those that try a step themselves go, if not as far as by default.</param>
    public static Balancer Balancer(Type type, IReadOnlyList<string> tasks, Func<TaskMap<Tensor>> losses, IEnumerable<Parameter> parameters, double? stepSize = null)
    {
        Func<TaskMap<Tensor>> ofTasks = () => losses().Filter((task, _) => tasks.Contains(task));
        object? Given(ParameterInfo parameter) =>
            parameter.ParameterType == ofTasks.GetType() ? ofTasks
            : parameter.Name == nameof(stepSize) && stepSize is not null ? stepSize
            : parameter.HasDefaultValue ? parameter.DefaultValue
            : parameter.ParameterType == typeof(IEnumerable<Parameter>) ? parameters
            : Argument(parameter.ParameterType, tasks);

        var constructor = type.GetConstructors()
            .Where(c => c.GetParameters().All(p => p.HasDefaultValue || Given(p) is not null))
            .OrderByDescending(c => c.GetParameters().Count(p => !p.HasDefaultValue))
            .First();
        return (Balancer)constructor.Invoke([.. constructor.GetParameters().Select(Given)]);
    }

    /// <summary>A trunk for tasks, with default options and all encoders from one recipe.</summary>
    public static Trunk Trunk(Type type, IReadOnlyList<string> tasks, Func<Encoder> encoder)
    {
        object? Given(Type parameter) =>
            parameter == typeof(Encoder) ? encoder()
            : parameter == typeof(Trunk) ? new HardSharing(encoder())
            : parameter == typeof(Func<Encoder>) && OnTrunk(type) ? (Func<Encoder>)Tower
            : parameter == typeof(Func<Encoder>) ? encoder
            : parameter == typeof(Func<IReadOnlyList<Encoder>>) ? Stack()
            : parameter == typeof(IReadOnlyList<Encoder>) ? Stack()()
            : parameter == typeof(SharingPenalty) ? new L2Distance(0.1)
            : parameter == typeof(IEnumerable<int>) ? new[] { 1 } // the second of the two stages
            : Argument(parameter, tasks);

        // Two layers, the second of which reads and gives four numbers, as the encoders of the contracts do.
        Func<IReadOnlyList<Encoder>> Stack() => () => [encoder(), Sequential(Linear(4, 4, dtype: ScalarType.Float64), Tanh())];

        // A tower on a trunk reads the four numbers that this gives.
        Encoder Tower() => Linear(4, type == typeof(ESMM) ? 1 : 4, dtype: ScalarType.Float64);

        var constructor = type.GetConstructors()
            .Where(c => c.GetParameters().All(p => p.HasDefaultValue || Given(p.ParameterType) is not null))
            .OrderByDescending(c => c.GetParameters().Count(p => !p.HasDefaultValue))
            .First();
        return (Trunk)constructor.Invoke([.. constructor.GetParameters().Select(p => p.HasDefaultValue ? p.DefaultValue : Given(p.ParameterType))]);
    }

    /// <summary>How many numbers a sample heads read, with encoders that give four: trunks on a trunk end in one logit.</summary>
    public static int Width(Type trunk) => OnTrunk(trunk) ? 1 : 4;

    public static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(i => $"task{i}")];

    /// <summary>Whether the trunk stands on another, as chains of tasks do.</summary>
    public static bool OnTrunk(Type trunk) => trunk.GetConstructors().SelectMany(c => c.GetParameters()).Any(p => p.ParameterType == typeof(Trunk));

    private static object? Argument(Type type, IReadOnlyList<string> tasks) =>
        type == typeof(IEnumerable<string>) ? tasks
        : type == typeof(TaskMap<double>) ? TaskMap.Create(tasks.Select((t, i) => (t, 1.0 + i)))
        : type == typeof(TaskMap<Likelihood>) ? TaskMap.Create(tasks.Select((t, i) => (t, (Likelihood)(i % 3))))
        : type == typeof(Func<TaskMap<double>>) ? () => TaskMap.Create(tasks.Select((t, i) => (t, 7.0 * i)))
        : type == typeof(Balancer) || type == typeof(GramianWeighting) ? new MultiTask.Balancing.MGDA()
        : type == typeof(LossWeighting) ? new MultiTask.Balancing.DWA(tasks)
        : type == typeof(int) ? 3
        : null;
}
