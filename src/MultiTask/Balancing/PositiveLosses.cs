namespace MultiTask.Balancing;

/// <summary>The condition of the methods that take logarithms.</summary>
internal static class PositiveLosses
{
    public static void Expect(TaskMap<double> losses, string method)
    {
        foreach (var (task, loss) in losses)
        {
            if (loss == 0)
            {
                throw new NonFiniteException(task, "logarithm of the loss", double.NegativeInfinity);
            }

            if (!(loss > 0))
            {
                throw new ArgumentException($"Task '{task}': {method} needs positive losses. Found {loss}.");
            }
        }
    }
}
