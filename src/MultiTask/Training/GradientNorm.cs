using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The norm of gradients, as if they were one vector.</summary>
internal static class GradientNorm
{
    /// <summary>One native call, and one for each sparse gradient; the script ends with a line break, or it would not compile.</summary>
    private static readonly jit.CompilationUnit Script = jit.compile(
        """
        def norm(gradients: List[Tensor]) -> Tensor:
            return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(gradients, 2)))

        def entries(sparse: Tensor) -> Tensor:
            return sparse.coalesce().values()

        """);

    /// <summary>The norm; not finite where an entry is not, or where the norm leaves the range of float64.</summary>
    public static double Of(IEnumerable<Tensor> gradients)
    {
        using var scope = NewDisposeScope();
        var all = gradients.Select(g => g.is_sparse ? (Tensor)Script.invoke("entries", g) : g).ToArray();
        var norm = Norm(all);
        return double.IsFinite(norm) ? norm : Norm(Array.ConvertAll(all, g => g.cpu().to(ScalarType.Float64)));
    }

    private static double Norm(Tensor[] gradients) => gradients.Length == 0 ? 0 : ((Tensor)Script.invoke("norm", [gradients])).ToDouble();
}
