using MultiTask;
using MultiTask.Data;
using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace TextTasks;

/// <summary>
/// The F1 of whole names, as entity taggers are judged: a name is found if its first word, its last word and its type are
/// right. A tagger that answers "no name" everywhere gets 0, where its accuracy would be 0.94.
/// </summary>
/// <remarks>
/// Micro-averaged: all names of all sentences count alike. A name begins with B, or with an I that continues no name of its type,
/// and ends before the first tag that does not continue it (the convention of CoNLL's script).
/// </remarks>
public sealed class EntityF1(Vocabulary tags) : Metric
{
    private int found;
    private int answered;
    private int present;

    public override string Name => "entity_f1";

    public override bool HigherIsBetter => true;

    public override void Update(Tensor output, Tensor target, Tensor? weights = null)
    {
        using var scope = NewDisposeScope();
        var labels = target.cpu().data<long>().ToArray();
        var answers = output.argmax(-1).cpu().data<long>().ToArray();
        foreach (var sentence in Enumerable.Range(0, labels.Length).Chunk((int)target.shape[1]))
        {
            int[] words = [.. sentence.Where(i => labels[i] != MissingLabels.Class)];
            var names = Names([.. words.Select(i => tags[(int)labels[i]])]);
            var answer = Names([.. words.Select(i => tags[(int)answers[i]])]);
            present += names.Count;
            answered += answer.Count;
            found += names.Intersect(answer).Count();
        }
    }

    public override double Compute() => present + answered == 0 ? double.NaN : 2.0 * found / (present + answered);

    public override void Reset() => (found, answered, present) = (0, 0, 0);

    /// <summary>The names that tags mark: from which word, to before which, and of what type.</summary>
    private static List<(int Start, int End, string Type)> Names(string[] tags)
    {
        var names = new List<(int Start, int End, string Type)>();
        for (var i = 0; i < tags.Length; i++)
        {
            if (tags[i] == "O")
            {
                continue;
            }

            var (start, type) = (i, tags[i][2..]);
            while (i + 1 < tags.Length && tags[i + 1] == $"I-{type}")
            {
                i++;
            }

            names.Add((start, i + 1, type));
        }

        return names;
    }
}
