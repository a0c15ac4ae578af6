using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One module for each of some tasks, registered under the tasks' names.</summary>
internal sealed class TaskModules : nn.Module
{
    private readonly Dictionary<string, nn.Module> byTask = new(StringComparer.Ordinal);

    public TaskModules(IEnumerable<(string Task, nn.Module Module)> modules)
        : base(nameof(TaskModules))
    {
        foreach (var (task, module) in modules)
        {
            byTask.Add(task, module);
            register_module(task, module);
        }
    }

    public IEnumerable<TorchSharp.Modules.Parameter> Of(string task) =>
        byTask.TryGetValue(task, out var module) ? module.parameters() : [];
}
