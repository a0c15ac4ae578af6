using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Mixing weights on the host.</summary>
internal static class MixtureTable
{
    /// <summary>A mixture, from one tensor of shape <c>[columns]</c> for each row.</summary>
    public static Mixture Of(string name, IReadOnlyList<string> rows, IReadOnlyList<string> columns, IEnumerable<Tensor> weights)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var values = new double[rows.Count, columns.Count];
        var i = 0;
        foreach (var row in weights)
        {
            var host = HostValues.Of(row);
            for (var j = 0; j < host.Length; j++)
            {
                values[i, j] = host[j];
            }

            i++;
        }

        return new(name, rows, columns, values);
    }
}
