using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>What the methods that sample twice see.</summary>
internal static class Samples
{
    /// <summary>A method of products as one of a Gramian: as if both samples were the same.</summary>
    public static Func<Gramian, double[]> OnGramians(Func<IReadOnlyList<string>, StochasticWeighting> make) => g =>
    {
        using var scope = NewDisposeScope();
        using var method = make(g.Tasks);
        return method.Weigh(g.Losses, Products(g));
    };

    public static double[,] Products(Gramian g)
    {
        var products = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                products[i, j] = g[i, j];
            }
        }

        return products;
    }
}
