using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Modules that stay as they are.</summary>
internal static class Frozen
{
    public static void Freeze(nn.Module module)
    {
        foreach (var parameter in module.parameters())
        {
            parameter.requires_grad = false;
        }

        module.eval();
    }
}
