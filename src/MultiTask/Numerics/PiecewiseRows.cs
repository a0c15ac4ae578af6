using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>The rows of a matrix, each in pieces that are tensors of their own: gradients where the backward pass left them.</summary>
/// <remarks>Piece k has the same length in all rows. One that is <c>null</c> is all zeros.</remarks>
internal sealed class PiecewiseRows
{
    /// <summary>How many entries to take at a time on other devices than the host: few calls, of 32 MB in float64.</summary>
    public const int EntriesElsewhere = 1 << 22;

    private readonly Tensor?[][] rows;

    /// <param name="rows">The pieces of each row, of any layout.</param>
    /// <param name="like">For each piece a tensor of the same size and dtype, all on one device.</param>
    public PiecewiseRows(IEnumerable<Tensor?[]> rows, IReadOnlyList<Tensor> like)
    {
        this.rows = [.. rows];
        Sizes = [.. like.Select(tensor => tensor.numel())];
        Device = like.Count == 0 ? CPU : like[0].device;
        Dtype = like.Select(tensor => tensor.dtype).DefaultIfEmpty(ScalarType.Float32).Aggregate(promote_types);
    }

    /// <summary>The rows of a matrix, each in one piece.</summary>
    public PiecewiseRows(Tensor matrix)
    {
        rows = [.. matrix.detach().unbind().Select(row => (Tensor?[])[row])];
        Sizes = [matrix.size(1)];
        (Device, Dtype) = (matrix.device, matrix.dtype);
    }

    /// <summary>How many rows there are.</summary>
    public int Count => rows.Length;

    /// <summary>The lengths of the pieces.</summary>
    public long[] Sizes { get; }

    /// <summary>How many columns there are.</summary>
    public long Length => Sizes.Sum();

    /// <summary>Where all pieces are.</summary>
    public Device Device { get; }

    /// <summary>The type into which all pieces fit.</summary>
    public ScalarType Dtype { get; }

    /// <summary>Whether something holds for all pieces that are not zeros.</summary>
    public bool All(Predicate<Tensor> condition) => Array.TrueForAll(rows, row => Array.TrueForAll(row, piece => piece is null || condition(piece)));

    /// <summary>A piece of each row, to be read on the host.</summary>
    public HostPiece[] OnHost(int piece) => Array.ConvertAll(rows, row => new HostPiece(row[piece]));

    /// <summary>Some columns of all rows, <c>[m, width]</c>.</summary>
    /// <param name="segments">Which: one of <see cref="Segments"/>.</param>
    public Tensor Slice(IEnumerable<(int Piece, long Start, long Width)> segments)
    {
        using var scope = NewDisposeScope();
        return stack(rows.Select(row => cat([.. segments.Select(segment => Part(row[segment.Piece], segment.Start, segment.Width))]))).MoveToOuterDisposeScope();
    }

    /// <summary>One tensor, <c>[m, n]</c>. The pieces are disposed; until they are, they and it take twice the memory.</summary>
    public Tensor ToMatrix()
    {
        var matrix = empty([Count, Length], Dtype, Device);
        using var scope = NewDisposeScope();
        for (var i = 0; i < Count; i++)
        {
            foreach (var (k, part) in matrix[i].split(Sizes).Index())
            {
                Fill(part, rows[i][k]);
                rows[i][k]?.Dispose();
                rows[i][k] = null;
            }
        }

        return matrix;
    }

    /// <summary>All columns: parts of pieces that follow each other, together as wide as may be.</summary>
    /// <param name="entries">How many entries of all rows they may have, one column at least.</param>
    public IEnumerable<IReadOnlyList<(int Piece, long Start, long Width)>> Segments(long entries)
    {
        var columns = Math.Max(1, entries / Count);
        List<(int Piece, long Start, long Width)> segments = [];
        var room = columns;
        foreach (var (k, size) in Sizes.Index())
        {
            for (long start = 0, width; start < size; start += width)
            {
                width = Math.Min(room, size - start);
                segments.Add((k, start, width));
                room -= width;
                if (room == 0)
                {
                    yield return segments;
                    (segments, room) = ([], columns);
                }
            }
        }

        if (segments.Count > 0)
        {
            yield return segments;
        }
    }

    private Tensor Part(Tensor? piece, long start, long width) => piece is null
        ? zeros(width, Dtype, Device)
        : piece.detach().reshape(-1).narrow(0, start, width).to(Dtype);

    private static void Fill(Tensor part, Tensor? piece)
    {
        if (piece is null)
        {
            part.zero_();
        }
        else if (part.dtype == piece.dtype && HostValues.IsDirect(piece))
        {
            HostValues.Direct<byte>(piece).CopyTo(HostValues.Direct<byte>(part)); // all are on one device; for a small parameter that is less than torch's calls take
        }
        else
        {
            part.copy_(piece.reshape(-1));
        }
    }
}
