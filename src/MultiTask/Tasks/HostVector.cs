using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>Constant numbers of a loss, such as class weights: kept on the host, copied to where they are asked for.</summary>
/// <remarks>The latest copy is kept, outside of all dispose scopes, so that a step copies nothing.</remarks>
internal sealed class HostVector(double[] values)
{
    private Tensor? copy;

    public int Count => values.Length;

    /// <summary>One of the numbers; 0 for an index out of range.</summary>
    public double At(long index) => index >= 0 && index < values.Length ? values[index] : 0;

    /// <summary>The numbers, <c>[count]</c>, with the dtype and on the device of another tensor.</summary>
    public Tensor Like(Tensor other)
    {
        var latest = copy;
        if (latest is null || latest.dtype != other.dtype || latest.device_type != other.device_type || latest.device_index != other.device_index)
        {
            copy?.Dispose();
            copy = latest = tensor(values, other.dtype, other.device).DetachFromDisposeScope();
        }

        return latest;
    }

    /// <summary>Numbers of a constructor's argument, checked.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="values">The numbers; none give <c>null</c>.</param>
    /// <param name="what">What they are, such as "class weights".</param>
    /// <param name="positive">Whether 0 is refused, too.</param>
    public static HostVector? From(string task, IReadOnlyList<double>? values, string what, bool positive)
    {
        foreach (var value in values ?? [])
        {
            if (!double.IsFinite(value) || value < 0 || (positive && value == 0))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(values), $"Task '{task}': {what} should be finite and {(positive ? "positive" : "non-negative")}. Found {value}.");
            }
        }

        return values is null ? null : new([.. values]);
    }
}
