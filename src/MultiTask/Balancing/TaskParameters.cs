using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>One learned number for each task, named by task.</summary>
internal static class TaskParameters
{
    public static ParameterDict Of(IEnumerable<string> tasks, double initial)
    {
        var parameters = new ParameterDict();
        foreach (var task in TaskNames.Index([.. tasks]).Keys)
        {
            parameters.Add(task, nn.Parameter(full([], initial).DetachFromDisposeScope()));
        }

        return parameters;
    }
}
