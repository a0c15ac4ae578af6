using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One module of a kind for each task, registered under the tasks' names.</summary>
/// <typeparam name="T">The kind of module.</typeparam>
internal sealed class PerTask<T> : nn.Module
    where T : nn.Module
{
    private readonly TaskMap<T> byTask;

    public PerTask(IEnumerable<string> tasks, Func<string, T> make)
        : base(nameof(PerTask<>))
    {
        ArgumentNullException.ThrowIfNull(tasks);
        byTask = TaskMap.Create(tasks.Select(task => (task, make(task))));
        foreach (var (task, module) in byTask)
        {
            register_module(task, module);
        }
    }

    public IReadOnlyList<string> Tasks => byTask.Tasks;

    public IReadOnlyList<T> All => byTask.Values;

    public T Of(string task) => byTask[task];
}
