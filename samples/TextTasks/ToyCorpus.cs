namespace TextTasks;

/// <summary>
/// A small corpus made of templates, for a machine without the real ones. It has some of what makes language hard: names that are
/// made up anew and names that may be a person's or a place's ("Jordan"), words of two parts of speech ("plan"), negation, "but".
/// </summary>
public sealed class ToyCorpus
{
    private static readonly string[] Statements =
    [
        "<person> <past> the/DET <noun> in/ADP <place> ./PUNCT",
        "<person> and/CCONJ <person> work/VERB for/ADP <org> ./PUNCT",
        "<org> <past> a/DET <adjective> <noun> near/ADP <place> ./PUNCT",
        "the/DET <noun> of/ADP <place> was/AUX <adjective> ,/PUNCT said/VERB <person> ./PUNCT",
        "did/AUX <person> <verb> the/DET <noun> ?/PUNCT",
        "they/PRON will/AUX <verb> <org> and/CCONJ <org> ./PUNCT",
        "in/ADP <number> <person> moved/VERB from/ADP <place> to/ADP <place> ./PUNCT",
        "<number> of/ADP them/PRON <past> <place> ,/PUNCT but/CCONJ not/PART <person> ./PUNCT",
        "this/DET <adjective> <noun> is/AUX a/DET <noun> ./PUNCT",
        "we/PRON <verb> and/CCONJ they/PRON <verb> the/DET <noun> ./PUNCT",
    ];

    private static readonly string[] Praise =
    [
        "the/DET <noun> is/AUX <good> ./PUNCT",
        "I/PRON <past> a/DET <good> <noun> ./PUNCT",
        "the/DET <noun> in/ADP <place> is/AUX not/PART <bad> ./PUNCT",
        "the/DET <noun> is/AUX <bad> ,/PUNCT but/CCONJ the/DET <noun> is/AUX <good> ./PUNCT",
    ];

    private static readonly Dictionary<string, string[]> Words = new()
    {
        ["noun"] = ["plan", "visit", "review", "order", "call", "report", "bridge", "museum", "phone", "dinner", "film", "garden", "letter", "school"],
        ["verb"] = ["plan", "visit", "review", "order", "call", "report", "find", "like", "open", "see"],
        ["past"] = ["planned", "visited", "reviewed", "ordered", "called", "found", "liked", "opened", "saw"],
        ["adjective"] = ["old", "new", "large", "small", "public", "open", "green", "quiet"],
        ["good"] = ["good", "great", "lovely", "excellent", "charming", "perfect", "tasty", "reliable"],
        ["bad"] = ["bad", "awful", "boring", "terrible", "useless", "slow", "cheap", "noisy"],
        ["either"] = ["Jordan", "Florence", "Austin", "Chelsea", "Georgia", "Victoria", "Lincoln", "Carter"],
        ["first"] = ["Anna", "Omar", "Wei", "Lucia", "Piotr", "Amara"],
        ["city"] = ["Lisbon", "Cairo", "Osaka", "Lima", "Oslo", "Accra"],
        ["start"] = ["Bel", "Dor", "Kas", "Lin", "Mar", "Nov", "Ost", "Per", "Ral", "Tor", "Val", "Wen"],
        ["middle"] = ["a", "e", "i", "o", "an", "el", "or", "im"],
        ["kind"] = ["Bank", "Group", "Motors", "Press", "Labs"],
    };

    private static readonly Dictionary<string, string> Tags = new()
    {
        ["noun"] = "NOUN",
        ["verb"] = "VERB",
        ["past"] = "VERB",
        ["adjective"] = "ADJ",
        ["good"] = "ADJ",
        ["bad"] = "ADJ",
    };

    private readonly Random random;

    private ToyCorpus(int seed) => random = new(seed);

    /// <summary>The corpus, the same on each call.</summary>
    public static Corpus Make()
    {
        var toy = new ToyCorpus(seed: 1);
        return new(
            "generated from templates: a toy, not language",
            toy.Some(1200, toy.Statement),
            toy.Some(500, toy.Statement),
            toy.Some(800, toy.Opinion),
            toy.Some(500, toy.Opinion),
            FewEntities: 40);
    }

    private Sentence[] Some(int count, Func<Sentence> make) => [.. Enumerable.Range(0, count).Select(_ => make())];

    private Sentence Statement()
    {
        var words = Fill(Pick(Statements));
        return new([.. words.Select(w => w.Word)], [.. words.Select(w => w.Tag)], [.. words.Select(w => w.Entity)]);
    }

    private Sentence Opinion()
    {
        var template = Pick(Praise);
        var positive = random.Next(2) == 0;
        if (!positive)
        {
            template = template.Replace("<good>", "<swap>").Replace("<bad>", "<good>").Replace("<swap>", "<bad>");
        }

        return new([.. Fill(template).Select(w => w.Word)], Positive: positive);
    }

    private List<(string Word, string Tag, string Entity)> Fill(string template)
    {
        var words = new List<(string Word, string Tag, string Entity)>();
        foreach (var slot in template.Split(' '))
        {
            switch (slot.Trim('<', '>'))
            {
                case "person":
                    AddName("PER", OneIn(3) ? [From("either")] : OneIn(2) ? [From("first"), NewName("son")] : [NewName("ic")]);
                    break;
                case "place":
                    AddName("LOC", OneIn(3) ? [From("either")] : OneIn(2) ? [From("city")] : ["New", NewName("ton")]);
                    break;
                case "org":
                    AddName("ORG", OneIn(3) ? [From("either"), From("kind")] : OneIn(2) ? [From("city"), From("kind")] : [NewName("ex")]);
                    break;
                case "number":
                    words.Add(($"{random.Next(2, 2000)}", "NUM", "O"));
                    break;
                case var name when Tags.TryGetValue(name, out var tag):
                    words.Add((From(name), tag, "O"));
                    break;
                default:
                    words.Add((slot.Split('/')[0], slot.Split('/')[1], "O"));
                    break;
            }
        }

        return words;

        void AddName(string type, string[] name) =>
            words.AddRange(name.Select((word, i) => (word, "PROPN", $"{(i == 0 ? 'B' : 'I')}-{type}")));
    }

    private string NewName(string ending) => From("start") + From("middle") + ending;

    private string From(string list) => Pick(Words[list]);

    private bool OneIn(int count) => random.Next(count) == 0;

    private string Pick(string[] items) => items[random.Next(items.Length)];
}
