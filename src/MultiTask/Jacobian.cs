using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>The gradients of the tasks' losses, one row a task, flattened over the shared parameters.</summary>
/// <remarks>
/// The entries have the parameters' dtype (the widest, where they differ). A parameter that a loss does not reach has
/// zeros in its row.
/// </remarks>
public sealed class Jacobian
{
    private PiecewiseRows? rows;
    private Tensor? matrix;

    internal Jacobian(Tensor matrix, TaskMap<double> losses)
    {
        this.matrix = matrix;
        Losses = losses;
    }

    internal Jacobian(PiecewiseRows rows, TaskMap<double> losses)
    {
        this.rows = rows;
        Losses = losses;
    }

    /// <summary>The gradients, <c>[m, n]</c>: m tasks, n entries of all shared parameters together, in their order.</summary>
    public Tensor Matrix
    {
        get
        {
            if (matrix is null)
            {
                (matrix, rows) = (rows!.ToMatrix(), null);
            }

            return matrix;
        }
    }

    /// <summary>The values of the losses, named, in the order of the rows.</summary>
    public TaskMap<double> Losses { get; }

    /// <summary>n.</summary>
    internal long Length => rows?.Length ?? Matrix.size(1);

    /// <summary>
    /// The gradients where the backward pass left them, for what can read them there; once they are one matrix, its rows. The matrix belongs
    /// to the dispose scope in which it is first asked for, and so do its rows.
    /// </summary>
    internal PiecewiseRows Rows => rows ?? new(Matrix);

    /// <summary>The names of the tasks, in the order of the rows.</summary>
    public IReadOnlyList<string> Tasks => Losses.Tasks;

    /// <summary>The gradients of losses, without touching any <c>.grad</c>; the graph of the losses stays.</summary>
    /// <param name="losses">One scalar for each task, at least one.</param>
    /// <param name="shared">The leaves to differentiate by, distinct; those that need no gradient (frozen) have no columns.</param>
    /// <returns>The Jacobian; its matrix belongs to the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">A loss is no scalar or needs no gradient; a leaf stands twice.</exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite.</exception>
    public static Jacobian Of(TaskMap<Tensor> losses, IEnumerable<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(losses);
        return OfMicroBatches([new MicroBatchLosses(losses)], shared);
    }

    /// <summary>The gradients of a batch that is read in micro-batches: for each task the sum of share × gradient. Touches no <c>.grad</c>; the graphs stay.</summary>
    /// <remarks>For a balancer of one's own: what its <c>Differentiate</c> is given fits, as a list.</remarks>
    /// <param name="microBatches">At least one.</param>
    /// <param name="shared">The leaves to differentiate by, distinct; those that need no gradient (frozen) have no columns.</param>
    /// <returns>The Jacobian; its matrix belongs to the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">There is no micro-batch; a loss is no scalar or needs no gradient; a leaf stands twice.</exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite.</exception>
    public static Jacobian OfMicroBatches(IReadOnlyList<MicroBatchLosses> microBatches, IEnumerable<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        if (microBatches.Count == 0)
        {
            throw MicroBatchLosses.None;
        }

        using var scope = NewDisposeScope();
        var rows = new JacobianRows(Leaves.Checked(shared), othersToo: false);
        foreach (var batch in microBatches)
        {
            using var step = NewDisposeScope();
            rows.Add(batch.Values.Count == 0 ? batch.Checked() : batch, retainGraph: true);
        }

        var jacobian = rows.ToJacobian();
        jacobian.Matrix.MoveToOuterDisposeScope();
        return jacobian;
    }

    /// <summary>The inner products of the gradients.</summary>
    /// <exception cref="NonFiniteException">A gradient has an entry that is NaN or infinite.</exception>
    public Gramian ToGramian() => Gramian.Of(this);

    /// <summary>The same, unless an entry is NaN or infinite.</summary>
    /// <exception cref="NonFiniteException">It is; the task is the first that has one.</exception>
    internal Jacobian Finite()
    {
        var all = Matrix;
        using var scope = NewDisposeScope();
        if (Diagnostics.Finite.Offender([all]) is not null)
        {
            for (var i = 0; i < Tasks.Count; i++)
            {
                if (Diagnostics.Finite.Offender([all[i]]) is { } value)
                {
                    throw new NonFiniteException(Tasks[i], "gradient", value);
                }
            }
        }

        return this;
    }

    /// <summary>Σ wᵢ gᵢ, <c>[n]</c>.</summary>
    /// <param name="weights">A weight for each task, in the order of the rows.</param>
    /// <exception cref="ArgumentException">There are not as many weights as rows.</exception>
    public Tensor Combine(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        if (weights.Count != Tasks.Count)
        {
            // Checked here, because a product of unlike shapes ends the process.
            throw new ArgumentException($"There should be {Tasks.Count} weights, for {TaskNames.List(Tasks)}. Found {weights.Count}.", nameof(weights));
        }

        using var scope = NewDisposeScope();
        return RowSum.Of(Rows, weights).MoveToOuterDisposeScope();
    }
}
