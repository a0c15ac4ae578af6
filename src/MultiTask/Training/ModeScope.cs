using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Puts a module into training or evaluation mode, and it and each module within back into the modes that they were in.</summary>
internal readonly struct ModeScope : IDisposable
{
    private readonly (nn.Module Module, bool Training)[] before;

    public ModeScope(nn.Module module, bool training)
    {
        before = [.. module.modules().Prepend(module).Select(m => (m, m.training))];
        module.train(training);
    }

    public void Dispose()
    {
        // From the outside inwards, because a module takes along those within it.
        foreach (var (module, training) in before)
        {
            if (module.training != training)
            {
                module.train(training);
            }
        }
    }
}
