using MultiTask;
using MultiTask.Csv;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Training;
using static TorchSharp.torch;

namespace QuickStart;

/// <summary>The exam scores of 4,059 pupils in 65 Inner London schools: to predict a pupil's score is a task for each school.</summary>
internal sealed class Schools : IDisposable
{
    private readonly MultiTaskDataset pupils;
    private readonly Dictionary<long, StudyData> splits = [];
    private readonly string[] schoolOfPupil;

    public Schools(string path)
    {
        var table = CsvTable.Read(path);
        schoolOfPupil = [.. table.Select(row => $"school{row.Text("school")}")];
        Names = [.. schoolOfPupil.Distinct()];

        var columns = MultiTaskDataset.From(table).Input(row =>
        [
            row.Number("standLRT"),     // the pupil's reading test at the age of 11
            row.Number("schavg"),       // its mean over the school
            .. row.OneHot("sex"),
            .. row.OneHot("vr"),        // verbal reasoning band
            .. row.OneHot("intake"),    // band of the score at entry
            .. row.OneHot("type"),      // mixed or single-sex
            .. row.OneHot("schgend"),
        ]);
        foreach (var school in Names)
        {
            // A pupil has a label in one school and none in the 64 others.
            columns.Target(school, row => $"school{row.Text("school")}" == school ? row.Number("normexam") : double.NaN);
        }

        pupils = columns.Build();
    }

    public IReadOnlyList<string> Names { get; }

    public int Pupils => pupils.Count;

    public int Columns => (int)pupils.Inputs[0].shape[1];

    /// <summary>30 % of each school's pupils to learn from, 10 % to stop by, the others to test; the same for a seed each time.</summary>
    public StudyData Split(long seed)
    {
        if (!splits.TryGetValue(seed, out var split))
        {
            splits[seed] = split = MakeSplit((int)seed);
        }

        return split;
    }

    private StudyData MakeSplit(int seed)
    {
        var (train, validation, test) = pupils.Split(0.3, 0.1, Splitter.Stratified(schoolOfPupil, seed));
        using (train)
        using (validation)
        using (test)
        {
            var scale = Standardizer.Fit(train);
            return new(Whole(train), Whole(validation), Whole(test));

            BatchSource Whole(MultiTaskDataset part) => scale.Apply(part).Batches(part.Count, shuffle: false);
        }
    }

    /// <summary>The part of the scores' variance, over the pupils of all schools, that a model explains.</summary>
    public static double ExplainedVariance(Evaluation evaluation, BatchSource data)
    {
        using var scope = NewDisposeScope();
        var targets = data.Epoch(0).SelectMany(batch => batch.Parts).SelectMany(part => part.Targets.Values);
        var scores = cat([.. targets.Select(t => t[MissingLabels.Present(t)])]);
        var errors = evaluation.Tasks.Values.Sum(school => school.Labels * Math.Pow(school["rmse"], 2));
        return 1 - (errors / (scores.var(unbiased: false).item<float>() * scores.numel()));
    }

    public void Dispose() => pupils.Dispose();
}
