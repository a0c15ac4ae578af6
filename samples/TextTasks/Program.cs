// Three tasks on text: parts of speech and entities on the same words, sentiment on other sentences. One encoder for all of
// them, against an encoder for each.
using System.Globalization;
using MultiTask;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Metrics;
using MultiTask.Sharing;
using MultiTask.Training;
using TextTasks;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

const int width = 48;
set_num_threads(1);    // for a network this small, threads cost more than they bring

var settings = Settings.Of(args);
var corpus = settings.Corpus;
var withEntities = settings.Entities ?? corpus.FewEntities;

var lexicon = new Lexicon(corpus.Tagged.Concat(corpus.Opinions));
var partsOfSpeech = new Vocabulary(corpus.Tagged.SelectMany(s => s.PartsOfSpeech!));
var entities = new Vocabulary(corpus.Tagged.SelectMany(s => s.Entities!));
var batches = new Batches(lexicon, partsOfSpeech, entities);

Console.WriteLine($"Corpus: {corpus.Name}.");
Console.WriteLine($"{partsOfSpeech.Count} parts of speech, {entities.Count} entity tags, {lexicon.Count:N0} features of words.");

// The baseline, a network for each task, is trained by the study itself: the same tower, optimizer and options for each task.
var study = new TransferStudy
{
    Tasks = MakeTasks,
    Tower = MakeEncoder,
    Data = MakeData,
    Optimizer = parameters => optim.Adam(parameters, 3e-3),
    Options = new()
    {
        Epochs = settings.Epochs,
        Patience = 3,
        Selection = ModelSelection.By(report => report.Validation!.Tasks.Average(task => task.Value.Metrics[0].Value)),
    },
    Seeds = settings.Seeds,
};

Candidate[] candidates =
[
    new("shared, equal weights", () => MakeShared(_ => new EqualWeights())),
    new("shared, uncertainty", () => MakeShared(tasks => new UncertaintyWeighting(tasks))),
];

var result = study.Run(candidates, new Lines());
Print(result);

(MultiTaskModel, Balancer) MakeShared(Func<LearningTask[], Balancer> makeBalancer)
{
    var tasks = MakeTasks();
    return (new MultiTaskModel(new HardSharing(MakeEncoder()), tasks), makeBalancer(tasks));
}

Encoder MakeEncoder() => new SentenceEncoder(lexicon.Count, width);

LearningTask[] MakeTasks() =>
[
    LearningTask.TokenTagging("pos", Linear(width + 1, partsOfSpeech.Count)),
    LearningTask.TokenTagging("entities", Linear(width + 1, entities.Count), metrics: () => [new EntityF1(entities), new Accuracy()]),
    LearningTask.Binary("sentiment", Sequential(new MeanOfWords(), Linear(width + 1, 1))),
];

// A step reads 32 tagged sentences and 40 opinions. Most of the tagged sentences lack entity labels.
StudyData MakeData(long seed)
{
    var random = new Random((int)seed);
    var (tagged, taggedAside) = Divide(corpus.Tagged, random);
    var (opinions, opinionsAside) = Divide(corpus.Opinions, random);
    tagged = [.. tagged.Select((sentence, i) => i < withEntities ? sentence : sentence with { Entities = null })];
    if (seed == settings.Seeds[0])
    {
        Console.WriteLine($"To learn from: {tagged.Length:N0} tagged sentences, of which {Math.Min(withEntities, tagged.Length):N0} have entity labels, and {opinions.Length:N0} opinions.");
    }

    return new(
        Train: new Together([batches.Tagged(tagged, 32, seed: (int)seed), batches.Opinions(opinions, 40, seed: (int)seed)]),
        Validation: Once(taggedAside, opinionsAside),
        Test: Once([.. corpus.TaggedTest.Take(settings.Sentences)], [.. corpus.OpinionsTest.Take(settings.Sentences)]));
}

// Every sentence once: what one evaluates on.
BatchSource Once(Sentence[] tagged, Sentence[] opinions) => new ProportionalSampling(
    [batches.Tagged(tagged, 64, shuffle: false), batches.Opinions(opinions, 64, shuffle: false)], length: EpochLength.SumOfBatches);

// 85 % to learn from, 15 % to stop early by.
(Sentence[] Train, Sentence[] Aside) Divide(Sentence[] sentences, Random random)
{
    var shuffled = sentences.ToArray();
    random.Shuffle(shuffled);
    var aside = shuffled.Length * 15 / 100;
    return (shuffled[aside..].Take(settings.Sentences).ToArray(), shuffled[..aside]);
}

void Print(Comparison comparison)
{
    (string Name, Func<Evaluation, double> Figure)[] figures =
    [
        ("pos, accuracy", e => e["pos"]["accuracy"]),
        ("entities, F1", e => e["entities"]["entity_f1"]),
        ("sentiment, accuracy", e => e["sentiment"]["accuracy"]),
    ];

    Console.WriteLine();
    Console.WriteLine($"{"",-22}" + string.Concat(figures.Select(f => $"{f.Name,26}")));
    foreach (var method in comparison.Methods)
    {
        Console.WriteLine($"{method,-22}" + string.Concat(figures.Select(f => $"{comparison.Over(method, f.Figure),20}{Wins(f.Figure),6}")));

        string Wins(Func<Evaluation, double> figure) =>
            method == comparison.Baseline ? "" : $"{comparison.Wins(method, comparison.Baseline, figure)}/{settings.Seeds.Count}";
    }

    Console.WriteLine();
    Console.WriteLine($"Test sentences; mean ± standard deviation over {settings.Seeds.Count} seeds; in how many of them better than {comparison.Baseline}.");
}

/// <summary>What the command line says.</summary>
file sealed record Settings(Corpus Corpus, int? Entities, int Epochs, int Sentences, IReadOnlyList<long> Seeds)
{
    public static Settings Of(string[] args)
    {
        var isShort = args.Contains("--short");
        return new(
            ReadCorpus(),
            Number("--entities"),
            Epochs: isShort ? 2 : 12,
            Sentences: isShort ? 400 : int.MaxValue,
            Seeds: [.. Enumerable.Range(0, Number("--seeds") ?? (isShort ? 2 : 3)).Select(i => (long)i)]);

        // The folder that was asked for; else one beside the repository, if it is there; else the toy.
        Corpus ReadCorpus() =>
            args.Contains("--toy") ? ToyCorpus.Make()
            : After("--data") is { } folder ? Corpus.Read(folder) ?? throw new DirectoryNotFoundException($"'{folder}' should have the folders ewt_pos_ner and sentiment_sentences.")
            : Corpus.Read(Path.Combine("..", "shared", "data")) ?? ToyCorpus.Make();

        int? Number(string option) => After(option) is { } number ? int.Parse(number, CultureInfo.InvariantCulture) : null;

        string? After(string option) => args.SkipWhile(arg => arg != option).Skip(1).FirstOrDefault();
    }
}

/// <summary>A line for each training that has ended.</summary>
file sealed class Lines : IProgress<StudyProgress>
{
    public void Report(StudyProgress value) => Console.WriteLine($"  seed {value.Seed}: {value.Candidate}");
}
