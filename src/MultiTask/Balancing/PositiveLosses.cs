using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>The condition of the methods that take logarithms of losses, or divide by them.</summary>
internal static class PositiveLosses
{
    /// <summary>The logarithm of each loss.</summary>
    public static TaskMap<Tensor> Logarithms(TaskMap<Tensor> losses, string method)
    {
        Expect(HostValues.Of(losses), method);
        return losses.Map((_, loss) => loss.log());
    }

    /// <summary>For logarithms.</summary>
    public static void Expect(TaskMap<double> losses, string method) =>
        Expect(losses, method, "logarithm of the loss", double.NegativeInfinity);

    /// <summary>For quotients.</summary>
    public static void ExpectInvertible(TaskMap<double> losses, string method) =>
        Expect(losses, method, "inverse of the loss", double.PositiveInfinity);

    private static void Expect(TaskMap<double> losses, string method, string what, double infinity)
    {
        foreach (var (task, loss) in losses)
        {
            if (loss == 0)
            {
                throw new NonFiniteException(task, what, infinity);
            }

            if (!(loss > 0))
            {
                throw new ArgumentException($"Task '{task}': {method} needs positive losses. Found {loss}.");
            }
        }
    }
}
