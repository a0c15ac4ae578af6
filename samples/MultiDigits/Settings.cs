using MultiTask;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Training;
using Shared;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiDigits;

/// <summary>What an architecture is trained with.</summary>
/// <param name="LearningRate">AdamW's.</param>
/// <param name="WeightDecay">AdamW's: it takes this part, times the learning rate, of each weight at each step.</param>
internal sealed record Settings(double LearningRate, double WeightDecay)
{
    private const int Epochs = 30;

    public optim.Optimizer Optimizer(IReadOnlyList<Parameter> parameters) =>
        optim.AdamW(parameters, LearningRate, weight_decay: WeightDecay);

    /// <summary>
    /// The same for all: the learning rate falls to 0 along a cosine, so that running statistics catch up with the weights, and the epoch of
    /// the best validation accuracy is kept.
    /// </summary>
    public static TrainerOptions Options(bool brief) => new()
    {
        Epochs = brief ? 2 : Epochs,
        Schedule = optimizer => optim.lr_scheduler.CosineAnnealingLR(optimizer, brief ? 2 : Epochs),
        Selection = ModelSelection.By(report => report.Validation!.Tasks.Values.Average(task => task["accuracy"])),
    };

    /// <summary>The pictures of a seed.</summary>
    public static StudyData Data(long seed, bool brief)
    {
        var (train, validation, test) = DigitPairs.Load(brief ? 300 : 2000, brief ? 200 : 1000, brief ? 200 : 1000, (int)seed);
        return new(Batches(train, shuffle: true), Batches(validation), Batches(test));

        BatchSource Batches(DigitPairs pictures, bool shuffle = false) =>
            new MultiTaskDataset(pictures.Images, [("left", pictures.Left), ("right", pictures.Right)]).Batches(shuffle ? 64 : 1000, shuffle, (int)seed);
    }
}
