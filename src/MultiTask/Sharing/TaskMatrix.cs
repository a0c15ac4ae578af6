using MultiTask.Balancing;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// A number for each pair of tasks, itself included, that is remembered from step to step: float64 buffers named by one
/// task, then the other, so that a checkpoint finds them whatever the order of the tasks.
/// </summary>
internal sealed class TaskMatrix : nn.Module
{
    private readonly TaskMemory[] rows;

    public TaskMatrix(IReadOnlyList<string> tasks)
        : base(nameof(TaskMatrix))
    {
        Tasks = tasks;
        rows = [.. tasks.Select(_ => new TaskMemory(tasks, length: 1, initial: 0))];
        foreach (var (task, row) in tasks.Zip(rows))
        {
            register_module(task, row);
        }
    }

    public IReadOnlyList<string> Tasks { get; }

    public double[,] Values
    {
        get
        {
            using var scope = NewDisposeScope();
            var flat = HostValues.Of(cat([.. rows.SelectMany(row => Tasks.Select(task => row.get_buffer(task)!))]));
            var values = new double[rows.Length, rows.Length];
            Buffer.BlockCopy(flat, 0, values, 0, flat.Length * sizeof(double));
            return values;
        }

        set
        {
            for (var i = 0; i < rows.Length; i++)
            {
                for (var j = 0; j < rows.Length; j++)
                {
                    rows[i][Tasks[j]] = [value[i, j]];
                }
            }
        }
    }
}
