using System.Diagnostics.CodeAnalysis;

namespace MultiTask.Data;

/// <summary>Every step reads a batch of one source, in a random order in which each source has its share.</summary>
/// <remarks>
/// <para>
/// <see cref="Shares"/>, the one function that makes a sampler, says what fraction of the <em>samples</em> should come from
/// each source. A step reads a whole batch, so the probability of a source in a step is its share divided by its batch size,
/// normalised; with equal batch sizes it is the share.
/// </para>
/// <para>
/// The number of steps of each source in an epoch is its expectation rounded up or down at random, without bias (systematic
/// sampling, which has less variance than independent draws and no less randomness in the order). In an epoch that lasts until
/// the largest or smallest source ends, that source's number is exact. Numbers and order are drawn from the seed and the epoch's number.
/// </para>
/// </remarks>
public abstract class SamplingSource : InterleavedSource
{
    private readonly int seed;
    private readonly long[] samples;
    private readonly Lazy<double[]> probabilities;

    /// <summary>A sampler.</summary>
    /// <param name="sources">At least one source; each knows its numbers of batches and samples.</param>
    /// <param name="length">What an epoch is.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="ArgumentException">There is no source, or one has no or an unknown number of batches or samples.</exception>
    [SuppressMessage("ApiDesign", "RS0022", Justification = "Samplers of one's own are wanted; other ways to combine sources are not.")]
    protected SamplingSource(IEnumerable<BatchSource> sources, EpochLength length, int seed)
        : base(sources, length)
    {
        this.seed = seed;
        samples = [.. Sources.Select(s => s.SamplesPerEpoch
            ?? throw new ArgumentException($"Sources should know their number of samples to be sampled by size. Found one that does not: {s.Fingerprint}."))];
        probabilities = new(FindProbabilities);
    }

    /// <inheritdoc/>
    public sealed override int? BatchesPerEpoch => Length.Of(Batches, Probabilities);

    /// <summary>The probability that a step reads each source, in the order of the sources.</summary>
    public IReadOnlyList<double> Probabilities => probabilities.Value;

    /// <summary>The method's name and numbers, for the fingerprint.</summary>
    protected abstract string Method { get; }

    private protected sealed override string Kind => $"{Method}, seed {seed}";

    /// <summary>What fraction of the samples should come from each source.</summary>
    /// <param name="samples">The number of samples of each source, at least 1.</param>
    /// <returns>For each source a number greater than 0; they need not sum to 1.</returns>
    protected abstract double[] Shares(IReadOnlyList<long> samples);

    private protected sealed override int[] Turns(int epoch)
    {
        var random = new RandomStream(seed, epoch);
        int[] turns = [.. Numbers(ref random).SelectMany((number, source) => Enumerable.Repeat(source, number))];
        random.Shuffle<int>(turns);
        return turns;
    }

    private protected sealed override long[] ReadBefore(int epoch)
    {
        var read = new long[Sources.Count];
        for (var e = 0; e < epoch; e++)
        {
            var random = new RandomStream(seed, e);
            var numbers = Numbers(ref random);
            for (var source = 0; source < read.Length; source++)
            {
                read[source] += numbers[source];
            }
        }

        return read;
    }

    private int[] Numbers(ref RandomStream random)
    {
        var steps = BatchesPerEpoch!.Value;
        var offset = random.NextDouble();
        if (Length.Measure(Batches) is not { } measure)
        {
            return Quota.Systematic(Probabilities, steps, offset);
        }

        var others = Enumerable.Range(0, Batches.Count).Where(source => source != measure).ToArray();
        var sum = others.Sum(source => Probabilities[source]);
        var numbers = Quota.Systematic([.. others.Select(source => Probabilities[source] / sum)], steps - Batches[measure], offset).ToList();
        numbers.Insert(measure, Batches[measure]);
        return [.. numbers];
    }

    private double[] FindProbabilities()
    {
        var shares = Shares(samples);
        if (shares.Length != Sources.Count || shares.Any(share => !(share > 0) || !double.IsFinite(share)))
        {
            throw new InvalidOperationException(
                FormattableString.Invariant($"Shares should be {Sources.Count} numbers greater than 0. Found {string.Join(", ", shares)}."));
        }

        var rates = shares.Select((share, s) => share / samples[s] * Batches[s]).ToArray();
        var sum = rates.Sum();
        return [.. rates.Select(rate => rate / sum)];
    }
}
