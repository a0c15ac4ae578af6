namespace MultiTask.Data;

/// <summary>
/// A stream of random numbers that depends on a seed and a number alone: not on the machine, the thread, the .NET version
/// or what was drawn elsewhere. SplitMix64 (Steele, Lea and Flood 2014).
/// </summary>
internal struct RandomStream(long seed, long stream)
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    private ulong state = Mix(Mix(unchecked((ulong)seed + Gamma)) + unchecked((ulong)stream));

    /// <summary>A number from [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number from 0 to <paramref name="bound"/> − 1, each as likely (Lemire 2019).</summary>
    public int Next(int bound)
    {
        var product = Math.BigMul(NextBits(), (ulong)bound, out var low);
        while (low < (ulong)bound && low < unchecked((ulong)-(long)bound) % (ulong)bound)
        {
            product = Math.BigMul(NextBits(), (ulong)bound, out low);
        }

        return (int)product;
    }

    /// <summary>Puts the items in a random order.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong Mix(ulong z)
    {
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }

    private ulong NextBits() => Mix(state = unchecked(state + Gamma));
}
