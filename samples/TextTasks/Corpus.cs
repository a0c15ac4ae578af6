using System.IO.Compression;
using System.Text.RegularExpressions;

namespace TextTasks;

/// <summary>
/// Sentences of two kinds: tagged ones, with a part of speech and an entity tag for each word, and opinions, with a sentiment.
/// </summary>
/// <param name="Name">What the sentences are, for people.</param>
/// <param name="Tagged">Tagged sentences to learn from.</param>
/// <param name="TaggedTest">Tagged sentences to test with.</param>
/// <param name="Opinions">Opinions to learn from.</param>
/// <param name="OpinionsTest">Opinions to test with.</param>
/// <param name="FewEntities">How many entity labels are few here: so many sentences to learn from keep theirs.</param>
public sealed partial record Corpus(
    string Name, Sentence[] Tagged, Sentence[] TaggedTest, Sentence[] Opinions, Sentence[] OpinionsTest, int FewEntities)
{
    /// <summary>The real corpora of a folder, or <c>null</c> if they are not there. The README says where to get them.</summary>
    public static Corpus? Read(string folder)
    {
        var (tagged, opinions) = (Path.Combine(folder, "ewt_pos_ner"), Path.Combine(folder, "sentiment_sentences"));
        if (!Directory.Exists(tagged) || !Directory.Exists(opinions))
        {
            return null;
        }

        string[] domains = ["amazon_cells", "imdb", "yelp"];
        var sentiments = domains.SelectMany(domain => ReadOpinions(Path.Combine(opinions, $"{domain}_labelled.txt"))).ToArray();
        new Random(0).Shuffle(sentiments);
        return new(
            "English Web Treebank with Universal NER; UCI Sentiment Labelled Sentences",
            [.. ReadTagged(Path.Combine(tagged, "dev.tsv.gz"))],
            [.. ReadTagged(Path.Combine(tagged, "test.tsv.gz"))],
            sentiments[..2400],
            sentiments[2400..],
            FewEntities: 200);
    }

    /// <summary>Lines of word, part of speech and entity tag; a blank line after each sentence, a line with '#' before it.</summary>
    private static IEnumerable<Sentence> ReadTagged(string path)
    {
        using var lines = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        var words = new List<string[]>();
        while (true)
        {
            var line = lines.ReadLine();
            var columns = line?.Split('\t') ?? [];
            if (columns.Length == 3)
            {
                words.Add(columns);
            }
            else if (words.Count > 0)
            {
                yield return new([.. words.Select(w => w[0])], [.. words.Select(w => w[1])], [.. words.Select(w => w[2])]);
                words.Clear();
            }

            if (line is null)
            {
                yield break;
            }
        }
    }

    /// <summary>Lines of a sentence, a tab, and 1 or 0.</summary>
    private static IEnumerable<Sentence> ReadOpinions(string path) =>
        from line in File.ReadLines(path)
        let columns = line.Split('\t')
        where columns.Length == 2
        select new Sentence([.. Word().Matches(columns[0]).Select(m => m.Value)], Positive: columns[1].Trim() == "1");

    /// <summary>Words as the treebank cuts them: "didn't" is "did" and "n't".</summary>
    [GeneratedRegex(@"\w+(?=n't)|n't|'\w+|\w+|[^\w\s]", RegexOptions.IgnoreCase)]
    private static partial Regex Word();
}
