namespace MultiTask.Numerics;

/// <summary>A = L Lᵀ, for a small symmetric matrix that is positive definite, or would be if it were not rounded.</summary>
/// <remarks>
/// A pivot that rounding has eaten is replaced by the least that it has not, ε Aᵢᵢ: the solution is then that of a matrix
/// which float64 cannot tell from A. No scale enters: D A D has the factor D L for every diagonal D > 0. Rows can be
/// appended and cut off at the end, which costs less than to start anew.
/// </remarks>
internal sealed class Cholesky
{
    private readonly double[,] l;
    private int definite;

    /// <summary>The factor of a matrix that has no rows yet.</summary>
    /// <param name="capacity">How many it may get.</param>
    public Cholesky(int capacity) => l = new double[capacity, capacity];

    /// <param name="a">A, of which the lower triangle is read, with a positive diagonal.</param>
    public Cholesky(double[,] a)
        : this(a.GetLength(0))
    {
        var row = new double[l.GetLength(0)];
        for (var i = 0; i < row.Length; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                row[j] = a[i, j];
            }

            Append(row);
        }
    }

    /// <summary>The number of rows of A.</summary>
    public int Count { get; private set; }

    /// <summary>Whether A is positive definite as it stands: no pivot was replaced.</summary>
    public bool IsDefinite => definite == Count;

    /// <summary>One more row and column of A.</summary>
    /// <param name="row">The row up to the diagonal, which is positive; what follows is not read.</param>
    public void Append(double[] row)
    {
        var i = Count++;
        for (var j = 0; j <= i; j++)
        {
            var rest = row[j];
            for (var k = 0; k < j; k++)
            {
                rest -= l[i, k] * l[j, k];
            }

            definite += i == j && definite == i && rest >= Dense.Epsilon * row[i] ? 1 : 0;
            l[i, j] = i == j ? Math.Sqrt(Math.Max(rest, Dense.Epsilon * row[i])) : rest / l[j, j];
        }
    }

    /// <summary>Leaves only the first rows and columns of A.</summary>
    public void Truncate(int count)
    {
        Count = Math.Min(Count, count);
        definite = Math.Min(definite, Count);
    }

    /// <summary>x, of A x = b.</summary>
    public double[] Solve(double[] b)
    {
        var x = (double[])b.Clone();
        for (var i = 0; i < x.Length; i++)
        {
            for (var k = 0; k < i; k++)
            {
                x[i] -= l[i, k] * x[k];
            }

            x[i] /= l[i, i];
        }

        for (var i = x.Length - 1; i >= 0; i--)
        {
            for (var k = i + 1; k < x.Length; k++)
            {
                x[i] -= l[k, i] * x[k];
            }

            x[i] /= l[i, i];
        }

        return x;
    }
}
