using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// Lets code of the caller's draw torch's global random numbers from a seed, and puts the state back that was there. On the
/// CPU: TorchSharp 0.107 can neither read nor set the state of a CUDA generator, and that is not touched.
/// </summary>
internal sealed class OwnRandomNumbers : IDisposable
{
    private readonly byte[] before = RandomState.Capture();

    public OwnRandomNumbers(long seed)
    {
        using var generator = Generator.Default;
        generator.manual_seed(seed);
    }

    public void Dispose() => RandomState.Restore(before, "The state before");
}
