using System.Globalization;
using System.IO.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace Shared;

/// <summary>
/// Pictures of two digits that overlap, as in MultiMNIST: one digit of 8 × 8 pixels in the upper left of 11 × 11 pixels, another
/// in the lower right. Where both have ink the darker one is seen.
/// </summary>
/// <param name="Images">Pixels from 0 to 1, <c>[n, 121]</c>.</param>
/// <param name="Left">The digit in the upper left, <c>[n]</c>.</param>
/// <param name="Right">The digit in the lower right, <c>[n]</c>.</param>
public sealed record DigitPairs(Tensor Images, Tensor Left, Tensor Right)
{
    public const int Pixels = Side * Side;

    private const int DigitSide = 8;
    private const int Shift = 3;
    private const int Side = DigitSide + Shift;

    /// <summary>Pictures to train on and to test on. No handwritten digit is in both.</summary>
    public static (DigitPairs Train, DigitPairs Test) Load(int train, int test, int seed)
    {
        var random = new Random(seed);
        var digits = Read(random);
        return (Draw(digits[..1400], train, random), Draw(digits[1400..], test, random));
    }

    /// <summary>Pictures to train on, to stop by and to test on. No handwritten digit is in two of them.</summary>
    public static (DigitPairs Train, DigitPairs Validation, DigitPairs Test) Load(int train, int validation, int test, int seed)
    {
        var random = new Random(seed);
        var digits = Read(random);
        return (Draw(digits[..1100], train, random), Draw(digits[1100..1400], validation, random), Draw(digits[1400..], test, random));
    }

    /// <summary>The numbers of all pictures, in random order, by batches.</summary>
    public IEnumerable<long[]> Shuffled(int batchSize, Random random)
    {
        long[] order = [.. Enumerable.Range(0, (int)Left.shape[0])];
        random.Shuffle(order);
        return order.Chunk(batchSize);
    }

    /// <summary>Some of the pictures, as tensors of the current dispose scope.</summary>
    public DigitPairs Take(long[] rows)
    {
        using var index = tensor(rows);
        return new(Images[index], Left[index], Right[index]);
    }

    private static DigitPairs Draw(Digit[] digits, int count, Random random)
    {
        var images = new float[count * Pixels];
        var (left, right) = (new long[count], new long[count]);
        for (var i = 0; i < count; i++)
        {
            var (first, second) = (digits[random.Next(digits.Length)], digits[random.Next(digits.Length)]);
            Put(first, images.AsSpan(i * Pixels), 0);
            Put(second, images.AsSpan(i * Pixels), Shift);
            (left[i], right[i]) = (first.Label, second.Label);
        }

        return new(tensor(images, [count, Pixels]), tensor(left), tensor(right));
    }

    private static void Put(Digit digit, Span<float> image, int corner)
    {
        for (var i = 0; i < digit.Ink.Length; i++)
        {
            ref var pixel = ref image[((corner + (i / DigitSide)) * Side) + corner + (i % DigitSide)];
            pixel = Math.Max(pixel, digit.Ink[i]);
        }
    }

    /// <summary>All handwritten digits, in random order.</summary>
    private static Digit[] Read(Random random)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "digits.csv.gz");
        using var lines = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        var digits = new List<Digit>();
        while (lines.ReadLine() is { } line)
        {
            var values = Array.ConvertAll(line.Split(','), v => int.Parse(v, CultureInfo.InvariantCulture));
            digits.Add(new(Array.ConvertAll(values[..^1], ink => ink / 16f), values[^1]));
        }

        var all = digits.ToArray();
        random.Shuffle(all);
        return all;
    }

    /// <summary>A handwritten digit: 64 pixels, and which digit it is.</summary>
    private sealed record Digit(float[] Ink, long Label);
}
