using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Contracts;

/// <summary>
/// What <c>Backward</c> should leave, found by the bare minimum: for each task a fresh graph and a backward pass; of the
/// library nothing but the function by which a method makes weights or a gradient.
/// </summary>
internal static class PlainWay
{
    /// <summary>Adds the gradients to those that are there.</summary>
    /// <param name="method">The method.</param>
    /// <param name="model">The model.</param>
    /// <param name="parts">The micro-batches, with their share in the batch.</param>
    public static void AtParameters(Balancer method, OddModel model, params (Range Rows, double Share)[] parts)
    {
        Tensor Loss(string task) => parts
            .Select(part => model.Loss(task, model.Represent(part.Rows).For(task), part.Rows) * part.Share)
            .Aggregate((sum, next) => sum + next);

        var all = model.All;
        var losses = TaskMap.Create(model.Tasks.Select(task => (task, Loss(task))));
        var rows = losses.Values.Select(loss => Gradients(all, () => loss.backward())).ToArray();
        var leaves = Enumerable.Range(0, model.Shared.Count).Where(k => all[k].requires_grad).ToArray();
        var jacobian = stack(rows.Select(row => cat([.. leaves.Select(k => Flat(row[k], all[k]))])));
        var outcome = Outcome.Of(method, jacobian, leaves.Select(k => all[k].dtype).Aggregate(promote_types), Values(losses));

        var balanced = outcome.Direction.split([.. leaves.Select(k => all[k].numel())]);
        for (var k = 0; k < all.Count; k++)
        {
            var own = Sum(rows.Select((row, i) => row[k]?.mul(outcome.OfHeads[i])));
            var place = Array.IndexOf(leaves, k);
            Add(all[k], own is null || place < 0 ? own : balanced[place].reshape(all[k].shape));
        }
    }

    /// <summary>Adds the gradients of balancing at the representation to those that are there.</summary>
    /// <param name="method">The method.</param>
    /// <param name="model">The model.</param>
    public static void AtRepresentation(Balancer method, OddModel model)
    {
        var all = model.All;
        var cuts = model.Tasks.Select(task => model.Represent(..).For(task).detach().requires_grad_()).ToArray();
        var losses = TaskMap.Create(model.Tasks.Select((task, i) => (task, model.Loss(task, cuts[i], ..))));
        var own = losses.Values.Select(loss => Gradients(all, () => loss.backward())).ToArray();
        var jacobian = stack(cuts.Select(z => Flat(Dense(z.grad), z)));
        var outcome = Outcome.Of(method, jacobian, cuts[0].dtype, Values(losses));

        var reaching = Enumerable.Range(0, cuts.Length).Where(i => cuts[i].grad is not null).ToArray();
        var through = reaching.Select(i => Gradients(all, () =>
        {
            var part = outcome.Weights is { } w ? jacobian[i] * w[i] : outcome.Direction / reaching.Length;
            model.Represent(..).For(model.Tasks[i]).backward([part.reshape(cuts[i].shape).to(cuts[i].dtype)]);
        })).ToArray();
        for (var k = 0; k < all.Count; k++)
        {
            Add(all[k], Sum([.. own.Select((row, i) => row[k]?.mul(outcome.OfHeads[i])), .. through.Select(row => row[k])]));
        }
    }

    /// <summary>A gradient in float64, whatever its dtype and layout.</summary>
    public static Tensor? Dense(Tensor? gradient) =>
        gradient is null ? null : (gradient.is_sparse ? gradient.to_dense() : gradient).detach().to(ScalarType.Float64).clone();

    /// <summary>What a backward pass leaves in each leaf; what was there before is there afterwards.</summary>
    private static Tensor?[] Gradients(IReadOnlyList<Parameter> leaves, Action backward)
    {
        var before = leaves.Select(p => p.grad).ToArray();
        SetGradients(leaves, new Tensor?[leaves.Count]);
        backward();
        var gradients = leaves.Select(p => Dense(p.grad)).ToArray();
        SetGradients(leaves, before);
        return gradients;
    }

    private static TaskMap<double> Values(TaskMap<Tensor> losses) => losses.Map((_, loss) => loss.ToDouble());

    private static void SetGradients(IReadOnlyList<Parameter> leaves, Tensor?[] gradients)
    {
        for (var k = 0; k < leaves.Count; k++)
        {
            leaves[k].grad = gradients[k];
        }
    }

    private static Tensor Flat(Tensor? gradient, Tensor leaf) => (gradient ?? zeros(leaf.shape, ScalarType.Float64)).reshape(-1);

    private static Tensor? Sum(IEnumerable<Tensor?> gradients) => gradients.OfType<Tensor>().Aggregate(default(Tensor), (sum, next) => sum is null ? next : sum + next);

    private static void Add(Parameter leaf, Tensor? gradient)
    {
        if (gradient is not null)
        {
            leaf.grad = Sum([Dense(leaf.grad), gradient])!.to(leaf.dtype);
        }
    }

    /// <summary>What a method makes of the rows.</summary>
    /// <param name="Weights">Its weights, where it has such.</param>
    /// <param name="Direction">The balanced gradient, flat.</param>
    /// <param name="OfHeads">By what the gradient of each head is multiplied.</param>
    private sealed record Outcome(double[]? Weights, Tensor Direction, double[] OfHeads)
    {
        public static Outcome Of(Balancer method, Tensor jacobian, ScalarType dtype, TaskMap<double> losses)
        {
            double[] ones = [.. losses.Select(_ => 1.0)];
            return method switch
            {
                GramianWeighting m => OfWeights(m.Weigh(new Gramian(Products(jacobian), losses)), m.WeightHeads),
                GradientAggregator m => new(null, m.Aggregate(new Jacobian(jacobian.to(dtype), losses)).to(ScalarType.Float64), ones),
                Scalarizer m => OfWeights(m.Slopes(Scalars.Of([.. losses])), weightHeads: true),
                _ => throw new NotSupportedException(method.GetName()),
            };

            Outcome OfWeights(double[] w, bool weightHeads) => new(w, tensor(w).matmul(jacobian), weightHeads ? w : ones);
        }

        private static double[,] Products(Tensor jacobian)
        {
            var flat = jacobian.matmul(jacobian.t()).Values();
            var m = (int)jacobian.shape[0];
            var products = new double[m, m];
            for (var k = 0; k < flat.Length; k++)
            {
                products[k / m, k % m] = flat[k];
            }

            return products;
        }
    }
}
