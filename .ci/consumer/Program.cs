// What a user of the package writes. .ci/run looks for the last line of the output.
using static TorchSharp.torch;

using var x = ones(3);
using var y = x * 2;
Console.WriteLine(y.sum().item<float>() == 6 ? "The package works." : "The package does not work.");
