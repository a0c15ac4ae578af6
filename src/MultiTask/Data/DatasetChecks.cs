using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>What a data set asks of its tensors beyond what a batch does.</summary>
internal static class DatasetChecks
{
    public static void NotEmpty(Inputs inputs, TaskMap<Tensor> targets)
    {
        if (inputs.Samples == 0)
        {
            throw new ArgumentException($"A data set should have at least one sample. Found inputs of shape {Shape.Of(inputs[0])}.", nameof(inputs));
        }

        if (targets.Count == 0)
        {
            throw new ArgumentException("A data set should have labels of at least one task. Found none.", nameof(targets));
        }
    }

    public static void OneDevice(BatchPart samples)
    {
        var device = Name(samples.Inputs[0]);
        foreach (var (task, tensor) in samples.Inputs.Select(t => ("inputs", t)).Concat(samples.Targets).Concat(samples.Weights))
        {
            if (Name(tensor) != device)
            {
                throw new ArgumentException($"A data set's tensors should lie on one device, here {device}. Found '{task}' on {Name(tensor)}.");
            }
        }

        static string Name(Tensor tensor) => tensor.device.ToString();
    }

    public static void Weights(TaskMap<Tensor> weights)
    {
        foreach (var (task, weight) in weights)
        {
            using var scope = NewDisposeScope();
            var wrong = weight.ge(0).logical_and_(weight.isfinite()).logical_not_();
            if (wrong.any().item<bool>())
            {
                var row = wrong.to(ScalarType.Int64).argmax().item<long>();
                var found = weight[row].to(ScalarType.Float64).item<double>();
                throw new ArgumentException(
                    FormattableString.Invariant($"Task '{task}': sample weights should be finite and at least 0. Found {found} in row {row}."),
                    nameof(weights));
            }
        }
    }

    public static int Row(int row, int count) => row >= 0 && row < count
        ? row
        : throw new ArgumentOutOfRangeException(nameof(row), $"Rows of this data set are from 0 to {count - 1}. Found {row}.");
}
