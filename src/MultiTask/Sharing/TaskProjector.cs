using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Makes one code of two embeddings: two dense layers with a ReLU between, and a layer normalisation.</summary>
internal sealed class TaskProjector : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Linear first;
    private readonly Linear second;
    private readonly LayerNorm norm;

    public TaskProjector(int embedding, int hidden, int code)
        : base(nameof(TaskProjector))
    {
        first = HyperLinear.Start(nn.Linear(2 * embedding, hidden));
        second = HyperLinear.Start(nn.Linear(hidden, code));
        norm = nn.LayerNorm(code, eps: 1e-6);
        RegisterComponents();
    }

    public override Tensor forward(Tensor task, Tensor place) =>
        second.call(first.call(cat([task, place], 0)).Rectified()).Normalized(norm.weight!, norm.bias!, norm.eps);
}
