namespace MultiTask.Training;

/// <summary>Which trunk, balancer and kinds of tasks train, in one line: state that fits by its shapes may still be another method's.</summary>
internal static class TrainingSetup
{
    public static string Of(MultiTaskModel model, Balancer balancer)
    {
        var tasks = string.Join(", ", model.Tasks.Values.Select(task => $"{task.Name}: {task.GetType().Name}"));
        return $"{model.Trunk.GetType().Name}; {Name(balancer)}; {tasks}";
    }

    /// <summary>A balancer's type, and those of the balancers inside it.</summary>
    private static string Name(Balancer balancer) =>
        string.Join(" of ", balancer.modules().OfType<Balancer>().Prepend(balancer).Distinct().Select(b => b.GetType().Name));
}
