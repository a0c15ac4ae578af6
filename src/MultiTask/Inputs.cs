using System.Collections;
using System.Runtime.CompilerServices;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// What a network reads for one batch: one tensor or several, each with the samples along its first dimension.
/// </summary>
/// <remarks>
/// A tensor converts by itself, so <c>model.call(x)</c> is all that a one-tensor model needs. Several tensors are a
/// collection expression, <c>model.call([tokenIds, mask])</c>, and are taken apart in the encoder's <c>forward</c>:
/// <c>var (tokenIds, mask) = inputs;</c>. The inputs do not own their tensors: they never dispose one.
/// </remarks>
[CollectionBuilder(typeof(Inputs), nameof(Create))]
public sealed class Inputs : IReadOnlyList<Tensor>
{
    private readonly Tensor[] tensors;

    private Inputs(Tensor[] tensors)
    {
        if (tensors.Length == 0)
        {
            throw new ArgumentException("Inputs should have at least one tensor. Found none.", nameof(tensors));
        }

        foreach (var tensor in tensors)
        {
            ArgumentNullException.ThrowIfNull(tensor, nameof(tensors));
            if (tensor.dim() == 0 || tensor.size(0) != tensors[0].size(0))
            {
                throw new ArgumentException(
                    "The tensors of one input should have the samples along their first dimension, equally many. " +
                    $"Found shapes {string.Join(", ", tensors.Select(Shape.Of))}.",
                    nameof(tensors));
            }
        }

        this.tensors = tensors;
    }

    /// <inheritdoc/>
    public int Count => tensors.Length;

    /// <summary>The number of samples: the length of the first dimension of every tensor.</summary>
    public long Samples => tensors[0].size(0);

    /// <summary>The only tensor.</summary>
    /// <exception cref="InvalidOperationException">There are several.</exception>
    public Tensor Single => tensors.Length == 1
        ? tensors[0]
        : throw new InvalidOperationException($"This module reads one tensor. Found inputs of {tensors.Length} tensors.");

    /// <inheritdoc/>
    public Tensor this[int index] => tensors[index];

    /// <summary>One tensor is an input.</summary>
    /// <param name="tensor">The tensor, samples first.</param>
    public static implicit operator Inputs(Tensor tensor) => FromTensor(tensor);

    /// <summary>An input of one tensor.</summary>
    /// <param name="tensor">The tensor, samples first.</param>
    public static Inputs FromTensor(Tensor tensor) => new([tensor]);

    /// <summary>An input of several tensors; what a collection expression calls.</summary>
    /// <param name="tensors">At least one tensor, each with the same length of the first dimension.</param>
    /// <exception cref="ArgumentException">There is no tensor, or the first dimensions differ.</exception>
    public static Inputs Create(params ReadOnlySpan<Tensor> tensors) => new(tensors.ToArray());

    /// <summary>The same operation on each tensor.</summary>
    /// <param name="operation">Keeps the samples along the first dimension.</param>
    public Inputs Map(Func<Tensor, Tensor> operation) => new(Array.ConvertAll(tensors, t => operation(t)));

    /// <summary>Takes inputs of two tensors apart.</summary>
    /// <param name="first">The first tensor.</param>
    /// <param name="second">The second tensor.</param>
    /// <exception cref="InvalidOperationException">There are not two.</exception>
    public void Deconstruct(out Tensor first, out Tensor second)
    {
        Expect(2);
        (first, second) = (tensors[0], tensors[1]);
    }

    /// <summary>Takes inputs of three tensors apart.</summary>
    /// <param name="first">The first tensor.</param>
    /// <param name="second">The second tensor.</param>
    /// <param name="third">The third tensor.</param>
    /// <exception cref="InvalidOperationException">There are not three.</exception>
    public void Deconstruct(out Tensor first, out Tensor second, out Tensor third)
    {
        Expect(3);
        (first, second, third) = (tensors[0], tensors[1], tensors[2]);
    }

    /// <inheritdoc/>
    public IEnumerator<Tensor> GetEnumerator() => tensors.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Expect(int count)
    {
        if (tensors.Length != count)
        {
            throw new InvalidOperationException($"This module reads {count} tensors. Found inputs of {tensors.Length}.");
        }
    }
}
