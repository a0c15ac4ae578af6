using TorchSharp.Modules;

namespace MultiTask.Training;

/// <summary>
/// Scalars in TensorBoard, by TorchSharp's writer: <c>weight/age</c>, <c>cosine/age.income</c>, <c>conflict_rate</c>, …; and
/// <c>skipped</c>, 0 or 1.
/// </summary>
/// <remarks>
/// TorchSharp's writer opens its file anew for each scalar, so that nothing is lost. With many tasks this takes time: see
/// <see cref="GradientMonitor.Pairs"/> and <see cref="GradientMonitor.Every"/>. A resumed run needs a new writer on the same
/// directory; TensorBoard reads the files together.
/// </remarks>
public sealed class TensorBoardLog : StepLog
{
    private readonly SummaryWriter writer;

    /// <summary>A log in TensorBoard.</summary>
    /// <param name="writer">TorchSharp's writer: <c>torch.utils.tensorboard.SummaryWriter("runs/a")</c>.</param>
    public TensorBoardLog(SummaryWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        this.writer = writer;
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public override void Write(StepRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var step = checked((int)record.Step);
        Add("skipped", record.Skipped ? 1 : 0, step);
        foreach (var figure in record.Figures())
        {
            if (figure.Value is { } value)
            {
                Add(figure.Name, value, step);
            }
        }
    }

    private void Add(string tag, double value, int step) => writer.add_scalar(tag, (float)value, step);
}
