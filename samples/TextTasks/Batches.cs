using MultiTask;
using MultiTask.Data;
using static TorchSharp.torch;

namespace TextTasks;

/// <summary>Makes batches of sentences: inputs of two tensors, and each batch as long as its own longest sentence.</summary>
public sealed class Batches(Lexicon lexicon, Vocabulary partsOfSpeech, Vocabulary entities)
{
    /// <summary>Tagged sentences: two tasks on the same words. A sentence may lack the labels of either.</summary>
    public BatchSource Tagged(IEnumerable<Sentence> sentences, int batchSize, bool shuffle = true, int seed = 0) =>
        new RecordBatches<Numbers>([.. sentences.Select(InNumbers)], batchSize, ["pos", "entities"], shuffle: shuffle, seed: seed, collate: batch => new(
            Inputs(batch),
            [
                ("pos", Padded(batch, s => s.PartsOfSpeech, MissingLabels.Class)),
                ("entities", Padded(batch, s => s.Entities, MissingLabels.Class)),
            ]));

    /// <summary>Opinions: one label a sentence.</summary>
    public BatchSource Opinions(IEnumerable<Sentence> sentences, int batchSize, bool shuffle = true, int seed = 0) =>
        new RecordBatches<Numbers>([.. sentences.Select(InNumbers)], batchSize, ["sentiment"], shuffle: shuffle, seed: seed, collate: batch => new(
            Inputs(batch),
            [("sentiment", tensor(batch.Select(s => s.Positive).ToArray()))]));

    /// <summary>The words' numbers, <c>[n, t, 3]</c>, and where there is a word, <c>[n, t]</c>.</summary>
    private static Inputs Inputs(IReadOnlyList<Numbers> batch)
    {
        var ids = Padded(batch, s => s.Words, Lexicon.Padding, Lexicon.Features).unflatten(1, -1, Lexicon.Features);
        return [ids, ids.select(2, 0).ne(Lexicon.Padding)];
    }

    /// <summary>Numbers of sentences, a row each, filled up to the longest sentence; nothing but filling where a sentence has none.</summary>
    private static Tensor Padded(IReadOnlyList<Numbers> batch, Func<Numbers, long[]?> numbers, long filling, int perWord = 1)
    {
        var length = batch.Max(s => s.Words.Length) / Lexicon.Features * perWord;
        var rows = new long[batch.Count * length];
        Array.Fill(rows, filling);
        for (var i = 0; i < batch.Count; i++)
        {
            numbers(batch[i])?.CopyTo(rows, i * length);
        }

        return tensor(rows, [batch.Count, length]);
    }

    private Numbers InNumbers(Sentence sentence) => new(
        lexicon.Read(sentence),
        sentence.PartsOfSpeech?.Select(tag => (long)partsOfSpeech.IndexOf(tag)).ToArray(),
        sentence.Entities?.Select(tag => (long)entities.IndexOf(tag)).ToArray(),
        sentence.Positive is true);

    /// <summary>A sentence in numbers: three for each word, and a class for each tag.</summary>
    private sealed record Numbers(long[] Words, long[]? PartsOfSpeech, long[]? Entities, bool Positive);
}
