using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The usual gate: one linear map, without bias, of the input, flattened.</summary>
internal sealed class LinearGate : nn.Module<Inputs, Tensor>, ICounted
{
    private readonly Parameter weight;

    public LinearGate(long width, int outputs, ScalarType dtype, Device device)
        : base(nameof(LinearGate))
    {
        var values = empty([outputs, width], dtype, device).DetachFromDisposeScope();
        nn.init.kaiming_uniform_(values, Math.Sqrt(5)); // as Linear: ±1/√width
        weight = nn.Parameter(values);
        RegisterComponents();
    }

    /// <summary>A gate that reads what an expert reads.</summary>
    /// <param name="expert">Tells how wide that is, if it reads one tensor and begins with a <c>Linear</c>.</param>
    /// <param name="outputs">The number of logits.</param>
    /// <exception cref="ArgumentException">The expert does not tell.</exception>
    public static LinearGate For(Encoder expert, int outputs)
    {
        var first = expert.Module is nn.Module<Tensor, Tensor> ? FirstWithParameters(expert.Module) : null;
        return first is Linear { weight: { } w }
            ? new(w.shape[1], outputs, w.dtype, w.device)
            : throw new ArgumentException(
                "How wide the gates' input is can be told from experts that read one tensor and begin with a Linear. " +
                $"Found {(first ?? expert.Module).GetName()}. Give `gate`, such as gate: n => Sequential(Flatten(), Linear(784, n)).");
    }

    /// <summary>Starts with weights uniform in ±first for the first outputs, and in ±others for the others.</summary>
    public LinearGate StartUniform(int count, double first, double others)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        nn.init.uniform_(weight.narrow(0, 0, count), -first, first);
        nn.init.uniform_(weight.narrow(0, count, weight.shape[0] - count), -others, others);
        return this;
    }

    public override Tensor forward(Inputs input)
    {
        var width = weight.shape[1];
        var x = input.Single;
        var flat = x.dim() == 2 ? x : x.flatten(Math.Min(1, x.dim() - 1));
        return flat.dim() == 2 && flat.shape[1] == width
            ? MultiplyAdds.Sums(nn.functional.linear(flat, weight), width, this)
            : throw new ArgumentException($"The gates read {width} numbers a sample. Found an input of shape {Shape.Of(x)}. Give `gate`.");
    }

    private static nn.Module? FirstWithParameters(nn.Module module) =>
        module.parameters(recurse: false).Any()
            ? module
            : module.children().Select(FirstWithParameters).FirstOrDefault(m => m is not null);
}
