using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// A few numbers for each task that a balancer remembers from step to step: float64 buffers named by task, so that they
/// land in a checkpoint by themselves. They stay float64 whatever the module is converted to.
/// </summary>
internal sealed class TaskMemory : nn.Module
{
    private readonly string[] tasks;
    private readonly double initial;

    /// <param name="tasks">The tasks to remember.</param>
    /// <param name="length">How many numbers for each.</param>
    /// <param name="initial">What they are before anything was remembered.</param>
    public TaskMemory(IEnumerable<string> tasks, int length, double initial)
        : base(nameof(TaskMemory))
    {
        this.tasks = [.. tasks];
        this.initial = initial;
        TaskNames.Index(this.tasks);
        foreach (var task in this.tasks)
        {
            register_buffer(task, full([length], initial, ScalarType.Float64).DetachFromDisposeScope());
        }
    }

    public IReadOnlyList<string> Tasks => tasks;

    public double[] this[string task]
    {
        get => HostValues.Of(get_buffer(task)!);
        set
        {
            var buffer = get_buffer(task)!;
            if (HostValues.IsDirect(buffer) && buffer.numel() == value.Length)
            {
                value.CopyTo(HostValues.Direct<double>(buffer));
                return;
            }

            using var scope = NewDisposeScope();
            buffer.copy_(tensor(value, dtype: ScalarType.Float64));
        }
    }

    public void Clear()
    {
        foreach (var task in tasks)
        {
            get_buffer(task)!.fill_(initial);
        }
    }

    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        foreach (var (name, buffer) in named_buffers(recurse: false).ToArray())
        {
            if (device is not null && ReplaceBuffer(null, device, buffer, out var moved))
            {
                ConditionallyRegisterBuffer(name, moved);
            }
        }
    }
}
