using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Metrics;

/// <summary>A metric of each kind with eight samples, some labels missing.</summary>
internal sealed record MetricSample(Func<Metric> Create, Tensor Output, Tensor Target)
{
    private const long X = MissingLabels.Class;
    private const double NaN = double.NaN;

    private static readonly Tensor Numbers = tensor(new[] { 3, -0.5, NaN, 2, 7, 4.25, NaN, -1.5 });
    private static readonly Tensor Guesses = tensor(new[] { 2.5, 0, 1, 2, 8, 3.75, 0, -2.5 });
    private static readonly Tensor Columns = tensor(new[] { 3, -0.5, NaN, 2, 7, 4.25, NaN, -1.5, 1, NaN, 0, 4, NaN, NaN, 2, 5 }, 8, 2);
    private static readonly Tensor YesNo = tensor(new[] { 1, 0, X, 1, 0, 1, 0, 1 });
    private static readonly Tensor Logits = tensor(new[] { 2, -1, 9, 0.5, 0.5, -0.5, -2, 0.5 });
    private static readonly Tensor Labels = tensor(new[] { 1, 0, X, 1, 0, 1, 0, X, 1, 1, 0, 0, X, 0, 1, 1 }, 8, 2);
    private static readonly Tensor Classes = tensor(new[] { 0, 1, X, 2, 2, 0, 1, 2 });
    private static readonly Tensor Tokens = tensor(new[] { 0, 1, X, 2, 2, X, 1, 2, 0, 0, X, X, 1, 1, 2, 0 }, 8, 2);

    private static readonly Dictionary<string, MetricSample> Samples = new()
    {
        ["mse"] = new(() => new MeanSquaredError(), Guesses, Numbers),
        ["rmse"] = new(() => new RootMeanSquaredError(), Guesses.unsqueeze(1), Numbers),
        ["mae"] = new(() => new MeanAbsoluteError(), Many(8, 2), Columns),
        ["r2"] = new(() => new R2(), Guesses, Numbers),
        ["r2, columns"] = new(() => new R2(), Many(8, 2), Columns),
        ["explained variance"] = new(() => new ExplainedVariance(), Many(8, 2), Columns),
        ["accuracy, binary"] = new(() => new Accuracy(), Logits, YesNo),
        ["accuracy, classes"] = new(() => new Accuracy(), Many(8, 3), Classes),
        ["accuracy, tokens"] = new(() => new Accuracy(), Many(8, 2, 3), Tokens),
        ["accuracy, dense"] = new(() => new Accuracy(classDimension: 1), Many(8, 3, 2), Tokens),
        ["accuracy, labels"] = new(() => new Accuracy(), Many(8, 2), Labels),
        ["f1, binary"] = new(() => new F1(Averaging.Binary), Logits.unsqueeze(1), YesNo),
        ["f1, classes"] = new(() => new F1(Averaging.Macro), Many(8, 3), Classes),
        ["f1, labels"] = new(() => new F1(Averaging.Macro), Many(8, 2), Labels),
        ["f1, dense"] = new(() => new F1(Averaging.Micro, classDimension: 1), Many(8, 3, 2), Tokens),
        ["precision"] = new(() => new Precision(Averaging.Macro), Many(8, 3), Classes),
        ["recall"] = new(() => new Recall(Averaging.Micro), Many(8, 2), Labels),
        ["roc auc, binary"] = new(() => new RocAuc(), Logits, YesNo),
        ["roc auc, labels"] = new(() => new RocAuc(), Many(8, 2), Labels),
        ["roc auc, classes"] = new(() => new RocAuc(), Many(8, 3), Classes),
        ["average precision, binary"] = new(() => new AveragePrecision(), Logits, YesNo),
        ["average precision, dense"] = new(() => new AveragePrecision(classDimension: 1), Many(8, 3, 2), Tokens),
        ["log loss, binary"] = new(() => new LogLoss(), Logits, YesNo),
        ["log loss, tokens"] = new(() => new LogLoss(), Many(8, 2, 3), Tokens),
        ["perplexity"] = new(() => new Perplexity(), Many(8, 2, 3), Tokens),
        ["next token"] = new(() => new NextToken(new Perplexity()), Many(8, 2, 3), Tokens),
    };

    public static IEnumerable<string> Names => Samples.Keys;

    public static MetricSample Of(string name) => Samples[name];

    public Tensor NoLabels() => full_like(Target, Target.is_floating_point() ? NaN : X);

    private static Tensor Many(params long[] shape) =>
        arange(shape.Aggregate((a, b) => a * b), ScalarType.Float64).mul(2.3).sin().mul(2).reshape(shape);
}
