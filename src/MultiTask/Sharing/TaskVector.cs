using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A parameter of a task's own, such as its row of mixing weights.</summary>
internal sealed class TaskVector : nn.Module, ICounted
{
    private readonly Parameter weight;

    public TaskVector(Tensor initial)
        : base(nameof(TaskVector))
    {
        weight = nn.Parameter(initial.DetachFromDisposeScope());
        RegisterComponents();
    }

    public Tensor Weight => weight;
}
