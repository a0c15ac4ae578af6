using MultiTask.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Tasks;

/// <summary>A task of each kind, with six samples of which some labels are missing.</summary>
internal sealed record TaskSample(LearningTask Task, Tensor Output, Tensor Target, Tensor Unanswered, long Labels)
{
    /// <summary>Whole weights, so that a weight is a number of repetitions; the 0 is a sample that does not count.</summary>
    public static readonly double[] Weights = [1, 3, 0, 2, 1, 2];

    private const long X = MissingLabels.Class;
    private const double NaN = double.NaN;

    private static readonly long[] Classes = [2, X, 0, 1, 2, 1];
    private static readonly long[,] Tags = { { 0, 2, X }, { 1, X, X }, { 2, 2, 1 }, { X, X, X }, { 0, 1, 0 }, { 1, 1, 2 } };

    private static readonly Dictionary<string, Func<ScalarType, TaskSample>> Makers = new()
    {
        ["regression"] = t => Of(LearningTask.Regression("t", Head()), t, [6, 1], tensor(new[] { 0.5, NaN, -1, 2, 0.25, 1 }, t)),
        ["regression, absolute"] = t => Of(LearningTask.Regression("t", Head(), RegressionLoss.AbsoluteError), t, [6], tensor(new[] { 0.5, NaN, -1, 2, 0.25, 1 }, t)),
        ["regression, Huber"] = t => Of(LearningTask.Regression("t", Head(), RegressionLoss.Huber(0.3)), t, [6, 2], Entries(t)),
        ["binary"] = t => Of(LearningTask.Binary("t", Head()), t, [6, 1], tensor(new[] { 1, X, 0, 0, 1, 1 })),
        ["binary, floating"] = t => Of(LearningTask.Binary("t", Head(), 2), t, [6], tensor(new[] { 1, NaN, 0, 0.3, 1, 0 }, t)),
        ["classification"] = t => Of(LearningTask.Classification("t", Head()), t, [6, 3], tensor(Classes)),
        ["classification, weighted and smoothed"] = t => Of(LearningTask.Classification("t", Head(), [1, 2, 0.5], 0.1), t, [6, 3], tensor(Classes)),
        ["classification, dense"] = t => Of(LearningTask.Classification("t", Head(), [1, 2, 0.5]), t, [6, 3, 3], tensor(Tags)),
        ["multi-label"] = t => Of(LearningTask.MultiLabel("t", Head(), [1, 2]), t, [6, 2], tensor(new[] { 1, 0, NaN, 1, 0, NaN, 1, 0, 0.5, 1, 1, 0 }, 6, 2, t)),
        ["token tagging"] = t => Of(LearningTask.TokenTagging("t", Head(), [1, 2, 0.5], 0.1), t, [6, 3, 3], tensor(Tags)),
        ["language modeling"] = t => Of(LearningTask.LanguageModeling("t", Head()), t, [6, 3, 3], tensor(Tags)),
        ["custom"] = t => Of(LearningTask.Custom("t", Head(), (o, y) => (o - y).pow(4).mean([1])), t, [6, 2], Entries(t)[.., ..1].expand(6, 2)),
    };

    public static IEnumerable<string> Names => Makers.Keys;

    public static TaskSample Of(string name, ScalarType dtype = ScalarType.Float64) => Makers[name](dtype);

    /// <summary>The task's targets with every label missing.</summary>
    public Tensor NoLabels() => full_like(Target, Target.is_floating_point() ? NaN : X);

    public override string ToString() => Task.GetType().Name;

    private static nn.Module<Tensor, Tensor> Head() => nn.Identity();

    private static Tensor Entries(ScalarType t) => tensor(new[] { 0.5, 1, NaN, 2, -1, NaN, 2, 0.1, 0.25, 1, 1, -3 }, 6, 2, t);

    private static TaskSample Of(LearningTask task, ScalarType dtype, long[] shape, Tensor target)
    {
        var output = Numbers(shape).to_type(dtype);
        var answered = Answered(task, target);
        var classes = output.numel() / answered.numel();
        var mask = task is ClassificationTask && shape.Length == 3
            ? answered.unsqueeze(1).expand(shape)
            : answered.unsqueeze(-1).expand([.. answered.shape, classes]).reshape(shape);
        return new(task, output, target, mask.logical_not(), task is CustomTask ? answered.any(1).sum().ToInt64() : answered.sum().ToInt64());
    }

    private static Tensor Answered(LearningTask task, Tensor target)
    {
        var present = MissingLabels.Present(target);
        return task is LanguageModelingTask ? cat([present[.., 1..], zeros(6, 1, dtype: ScalarType.Bool)], 1) : present;
    }

    private static Tensor Numbers(long[] shape)
    {
        var count = shape.Aggregate((a, b) => a * b);
        return arange(count, ScalarType.Float64).mul(2.3).sin().mul(1.7).reshape(shape);
    }
}
