using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Puts a module into training or evaluation mode, and back into the mode that it was in.</summary>
internal readonly struct ModeScope : IDisposable
{
    private readonly nn.Module module;
    private readonly bool before;

    public ModeScope(nn.Module module, bool training)
    {
        this.module = module;
        before = module.training;
        module.train(training);
    }

    public void Dispose() => module.train(before);
}
