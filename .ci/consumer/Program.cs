// What a user of the package writes: ten steps on two tasks. .ci/run looks for the last line of the output.
using MultiTask;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

manual_seed(1);
var x = randn(200, 8);
var age = x.matmul(randn(8, 1)).squeeze(1);
var sex = x.matmul(randn(8)).gt(0);
using var data = new MultiTaskDataset(x, [("age", age), ("sex", sex)]);

using var model = new MultiTaskModel(
    new HardSharing(Sequential(Linear(8, 16), ReLU())),
    [LearningTask.Regression("age", Linear(16, 1)), LearningTask.Binary("sex", Linear(16, 1))]);
using var trainer = new Trainer(model, new PCGrad(), parameters => optim.Adam(parameters, 0.01));

var before = trainer.Evaluate(data.Batches(200));
trainer.Fit(data.Batches(100), options: new() { Steps = 10 });
var after = trainer.Evaluate(data.Batches(200));
trainer.SaveCheckpoint("run.ckpt");
model.SaveWeights("model.safetensors");

Console.WriteLine($"loss {before.TotalLoss:0.000} -> {after.TotalLoss:0.000}");
Console.WriteLine(after.TotalLoss < before.TotalLoss ? "The package works." : "The package does not work.");
