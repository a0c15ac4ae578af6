namespace TextTasks;

/// <summary>
/// Turns words into numbers. A word has three: for itself, its ending and its shape, so that a word never seen before still says
/// something.
/// </summary>
public sealed class Lexicon
{
    /// <summary>How many numbers a word has.</summary>
    public const int Features = 3;

    /// <summary>The number where there is no word.</summary>
    public const long Padding = 0;

    private const long Unknown = 1;

    private readonly Dictionary<string, long> numbers = [];

    /// <summary>A lexicon of the features that occur more than once; all others count as unknown.</summary>
    /// <param name="sentences">The sentences to learn from.</param>
    public Lexicon(IEnumerable<Sentence> sentences)
    {
        foreach (var (feature, _) in sentences.SelectMany(s => s.Words).SelectMany(FeaturesOf).CountBy(f => f).Where(f => f.Value > 1))
        {
            numbers[feature] = Count;
        }
    }

    /// <summary>How many numbers there are, padding and unknown among them.</summary>
    public int Count => numbers.Count + 2;

    /// <summary>The numbers of a sentence, three a word.</summary>
    public long[] Read(Sentence sentence) =>
        [.. sentence.Words.SelectMany(FeaturesOf).Select(feature => numbers.GetValueOrDefault(feature, Unknown))];

    private static string[] FeaturesOf(string word) =>
        [word.ToLowerInvariant(), "-" + word[^Math.Min(3, word.Length)..].ToLowerInvariant(), "#" + ShapeOf(word)];

    /// <summary>"Xx" for "Lisbon", "X" for "UN", "9x" for "4th".</summary>
    private static string ShapeOf(string word)
    {
        var shape = "";
        foreach (var c in word)
        {
            var kind = char.IsUpper(c) ? 'X' : char.IsLower(c) ? 'x' : char.IsDigit(c) ? '9' : c;
            shape += shape.EndsWith(kind) ? "" : kind;
        }

        return shape;
    }
}
