using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// A vector for each task that a balancer remembers from step to step, such as an average of its gradients: buffers named
/// by task, empty until the task has been seen. They have the dtype and the device of what was put in.
/// </summary>
/// <remarks>
/// The length is that of the shared parameters, which only the first step knows. So a state is loaded by
/// <see cref="Adopt"/> first, which makes room for it.
/// </remarks>
internal sealed class TaskVectors : nn.Module
{
    private readonly string method;
    private readonly string[] tasks;

    /// <param name="tasks">The tasks to remember.</param>
    /// <param name="method">What messages call the method.</param>
    public TaskVectors(IEnumerable<string> tasks, string method)
        : base(nameof(TaskVectors))
    {
        this.method = method;
        this.tasks = [.. tasks];
        TaskNames.Index(this.tasks);
        foreach (var task in this.tasks)
        {
            register_buffer(task, Empty());
        }
    }

    public IReadOnlyList<string> Tasks => tasks;

    /// <summary>What is remembered of a task, as it is (not a copy), or <c>null</c> before anything was.</summary>
    public Tensor? this[string task] => get_buffer(task) is { } buffer && buffer.numel() > 0 ? buffer : null;

    /// <summary>The rows of some tasks, <c>[m, n]</c>, zeros where nothing is remembered.</summary>
    /// <param name="wanted">The tasks.</param>
    /// <param name="like">A matrix of the shape, dtype and device that the rows should have.</param>
    /// <exception cref="InvalidOperationException">What is remembered has another length.</exception>
    public Tensor Rows(IReadOnlyList<string> wanted, Tensor like)
    {
        TaskNames.ExpectKnown(wanted, tasks, method);
        return stack(wanted.Select(task => this[task] is { } row ? Expected(task, row, like.shape[1]).to(like.dtype).to(like.device) : zeros_like(like[0])));
    }

    /// <summary>Remembers a row for each of some tasks.</summary>
    /// <param name="wanted">The tasks.</param>
    /// <param name="rows">Their rows, <c>[m, n]</c>; copied.</param>
    public void Keep(IReadOnlyList<string> wanted, Tensor rows)
    {
        for (var i = 0; i < wanted.Count; i++)
        {
            using var scope = NewDisposeScope();
            Put(wanted[i], rows[i].detach());
        }
    }

    /// <summary>Forgets all tasks.</summary>
    public void Clear()
    {
        foreach (var task in tasks)
        {
            Replace(task, Empty());
        }
    }

    /// <summary>Takes on the shapes of a state that is about to be loaded.</summary>
    /// <param name="prefix">What the names of the buffers begin with there.</param>
    /// <param name="saved">Tensors by name.</param>
    public void Adopt(string prefix, IReadOnlyDictionary<string, Tensor> saved)
    {
        foreach (var task in tasks)
        {
            var own = get_buffer(task)!;
            if (saved.TryGetValue(prefix + task, out var value) && !(own.dtype == value.dtype && Shape.Same(own, value)))
            {
                Replace(task, zeros(value.shape, value.dtype, own.device).DetachFromDisposeScope());
            }
        }
    }

    private void Put(string task, Tensor value)
    {
        using var off = no_grad();
        var buffer = get_buffer(task)!;
        if (Shape.Same(buffer, value) && buffer.dtype == value.dtype && buffer.device_type == value.device_type)
        {
            buffer.copy_(value);
        }
        else
        {
            Replace(task, value.clone().DetachFromDisposeScope());
        }
    }

    private void Replace(string task, Tensor value)
    {
        var old = get_buffer(task)!;
        ConditionallyRegisterBuffer(task, value, true);
        old.Dispose();
    }

    private Tensor Expected(string task, Tensor row, long length) => row.shape[0] == length
        ? row
        : throw new InvalidOperationException(
            $"Task '{task}': {method} remembers gradients of {row.shape[0]} entries. Found {length}; call Reset() when the shared parameters change.");

    private static Tensor Empty() => zeros(0).DetachFromDisposeScope();
}
