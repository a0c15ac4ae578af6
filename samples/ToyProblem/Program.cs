using System.Diagnostics;
using MultiTask;
using MultiTask.Balancing;
using TorchSharp.Modules;
using ToyProblem;
using static TorchSharp.torch;

set_num_threads(1);
Balancer[] all = [new EqualWeights(), new PCGrad(), new MGDA()];
foreach (var balancer in all)
{
    using var scope = NewDisposeScope();
    using var x = new Parameter(tensor([9.0, 9.0], dtype: ScalarType.Float64));
    using var optimizer = optim.Adam([x], 1e-3);
    var clock = Stopwatch.StartNew();
    for (var k = 0; k < 5000; k++)
    {
        using var step = NewDisposeScope();
        optimizer.zero_grad();
        balancer.Backward(Toy.Losses(x, 0.1), [x]);
        optimizer.step();
    }

    Console.WriteLine($"{balancer.GetName()} {clock.Elapsed.TotalMicroseconds / 5000:0} us a step, CPU {Process.GetCurrentProcess().TotalProcessorTime}");
}
