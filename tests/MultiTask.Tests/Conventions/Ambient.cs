using MultiTask.Csv;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Conventions;

#pragma warning disable IDE1006, CA1708 // names as a reader's own locals and functions would be

/// <summary>
/// What a reader of the documentation can imagine: names that code blocks use without saying where they come from. Code
/// blocks are compiled, not run, so nothing here has a value. A block may declare any of these names itself.
/// </summary>
public abstract class Ambient
{
    public static LearningTask[] tasks => null!;

    public static nn.Module<Tensor, Tensor> head => null!;

    public static Sequential encoder => null!;

    public static Trunk trunk => null!;

    public static MultiTaskModel model => null!;

    public static Balancer balancer => null!;

    public static optim.Optimizer optimizer => null!;

    public static Trainer trainer => null!;

    public static MultiTaskDataset data => null!;

    public static BatchSource train => null!;

    public static BatchSource validation => null!;

    public static BatchSource test => null!;

    public static IReadOnlyList<BatchSource> sources => null!;

    public static MultiTaskBatch batch => null!;

    public static Tensor input => null!;

    public static Tensor tokenIds => null!;

    public static Tensor mask => null!;

    public static TaskMap<Tensor> targets => null!;

    public static TaskMap<Tensor> outputs => null!;

    public static TaskMap<Tensor> losses => null!;

    public static Tensor l1 => null!;

    public static Tensor l2 => null!;

    public static IProgress<TrainingProgress> progress => null!;

    public static CancellationToken cancellationToken => default;

    public static TrainingHistory history => null!;

    public static Evaluation evaluation => null!;

    public static Evaluation baseline => null!;

    public static Comparison comparison => null!;

    public static CsvTable table => null!;

    public static IReadOnlyList<Person> people => null!;

    public static Device device => null!;

    /// <summary>Makes a new encoder on each call.</summary>
    public static Encoder Encoder() => null!;

    /// <summary>Makes the tasks, with new heads, on each call.</summary>
    public static LearningTask[] MakeTasks() => null!;

    /// <summary>A row of a reader's data.</summary>
    /// <param name="Height">An input.</param>
    /// <param name="Weight">An input.</param>
    /// <param name="Age">A number to predict; not known of all.</param>
    /// <param name="Income">A class to predict; not known of all.</param>
    /// <param name="Smokes">Yes or no.</param>
    /// <param name="Trust">How much the row counts.</param>
    /// <param name="Household">Rows that belong together.</param>
    public sealed record Person(float Height, float Weight, float? Age, int? Income, bool? Smokes, double Trust, string Household);
}
