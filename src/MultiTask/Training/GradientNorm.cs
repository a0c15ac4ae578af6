using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The norm of gradients, as if they were one vector.</summary>
internal static class GradientNorm
{
    /// <summary>All norms in one native call; the script ends with a line break, or it would not compile.</summary>
    private static readonly jit.CompilationUnit Script = jit.compile(
        """
        def norms(gradients: List[Tensor]) -> Tensor:
            return torch.stack(torch._foreach_norm(gradients, 2))

        """);

    /// <summary>The norm; not finite only where an entry is not.</summary>
    public static double Of(IEnumerable<Tensor> gradients)
    {
        using var scope = NewDisposeScope();
        var all = gradients.ToArray();
        var norm = Norm(all);
        return double.IsFinite(norm) ? norm : Norm([.. all.Select(g => g.cpu().to(ScalarType.Float64))]);
    }

    private static double Norm(Tensor[] gradients)
    {
        var squares = 0.0;
        foreach (var alike in gradients.GroupBy(g => g.dtype))
        {
            var norms = (Tensor)Script.invoke("norms", [alike.ToArray()]);
            squares += norms.cpu().to(ScalarType.Float64).square().sum().item<double>();
        }

        return Math.Sqrt(squares);
    }
}
