using MultiTask;
using Shared;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace ManualLoop;

/// <summary>Training and testing as one writes them in TorchSharp.</summary>
public static class Loop
{
    /// <summary>Trains a network; <b>look for the two lines marked − and +</b>.</summary>
    /// <param name="net">The network.</param>
    /// <param name="data">The pictures.</param>
    /// <param name="epochs">How often to read them.</param>
    /// <param name="seed">Where their order comes from.</param>
    /// <param name="balancer">Turns the losses into gradients; without one they are added up.</param>
    /// <returns>At each step the cosine of the angle between the two gradients, where the balancer has looked at it.</returns>
    public static List<double> Train(DigitNet net, DigitPairs data, int epochs, int seed, Balancer? balancer = null)
    {
        var random = new Random(seed);
        var cosines = new List<double>();

        // A balancer may have parameters of its own: uncertainty weighting learns its weights.
        using var optimizer = optim.Adam([.. net.parameters(), .. balancer?.parameters() ?? []], lr: 2e-3);

        net.train();
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            foreach (var rows in data.Shuffled(64, random))
            {
                using var scope = NewDisposeScope();    // the tensors of a step go when the step ends

                var batch = data.Take(rows);
                var (left, right) = net.call(batch.Images);
                TaskMap<Tensor> losses = [("left", cross_entropy(left, batch.Left)), ("right", cross_entropy(right, batch.Right))];

                optimizer.zero_grad();
                if (balancer is null)
                {
                    (losses["left"] + losses["right"]).backward();          // −
                }
                else
                {
                    balancer.Backward(losses, net.Encoder.parameters());    // +
                }

                optimizer.step();

                if (balancer?.LastGramian is { } gramian)
                {
                    cosines.Add(gramian.Cosine(0, 1));
                }
            }
        }

        return cosines;
    }

    /// <summary>Which part of the digits the network gets right.</summary>
    public static (double Left, double Right) Test(DigitNet net, DigitPairs data)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        net.eval();
        var (left, right) = net.call(data.Images);
        return (Accuracy(left, data.Left), Accuracy(right, data.Right));
    }

    private static double Accuracy(Tensor scores, Tensor labels) =>
        scores.argmax(1).eq(labels).to(ScalarType.Float64).mean().item<double>();
}
