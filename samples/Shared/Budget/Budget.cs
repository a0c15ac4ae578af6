using MultiTask;

namespace Shared;

/// <summary>Architectures are compared at one number of parameters, so that none wins by being the largest.</summary>
internal static class Budget
{
    /// <summary>How many numbers a model learns.</summary>
    public static long Size(MultiTaskModel model) => model.parameters().Sum(p => p.numel());

    /// <summary>The width at which a model comes nearest to a number of parameters.</summary>
    /// <param name="budget">How many parameters.</param>
    /// <param name="build">Makes the model of a width; the wider, the more parameters.</param>
    /// <param name="multipleOf">What widths are multiples of: some architectures halve them.</param>
    public static int Width(long budget, Func<int, MultiTaskModel> build, int multipleOf = 1)
    {
        var (below, above) = (1, 2);
        while (Of(above) < budget)
        {
            (below, above) = (above, 2 * above);
        }

        while (above - below > 1)
        {
            var middle = (below + above) / 2;
            (below, above) = Of(middle) < budget ? (middle, above) : (below, middle);
        }

        return multipleOf * (budget - Of(below) < Of(above) - budget ? below : above);

        long Of(int multiple)
        {
            using var model = build(multipleOf * multiple);
            return Size(model);
        }
    }
}
