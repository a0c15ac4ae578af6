using MultiTask;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TextTasks;

/// <summary>
/// What all tasks share: each word as the sum of its features' embeddings, and two convolutions by which it learns of the two
/// words before it and the two after.
/// </summary>
/// <remarks>
/// <para>A module of several input tensors is a <c>Module&lt;Inputs, Tensor&gt;</c> that takes the inputs apart.</para>
/// <para>
/// A head sees nothing but the representation. Therefore the mask is part of it: its last channel is 1 at a word and 0 at
/// padding, and all other channels are 0 at padding too. So padding never changes an output.
/// </para>
/// </remarks>
public sealed class SentenceEncoder : Module<Inputs, Tensor>
{
    private readonly Embedding embedding;
    private readonly Conv1d context;
    private readonly Dropout dropout;

    /// <summary>An encoder with weights of its own.</summary>
    /// <param name="features">How many numbers the lexicon has.</param>
    /// <param name="width">How many channels a word gets, besides the mask.</param>
    public SentenceEncoder(long features, long width)
        : base(nameof(SentenceEncoder))
    {
        embedding = Embedding(features, width);
        init.normal_(embedding.weight!, 0, 0.1);    // a feature that training never sees stays near nothing
        context = Conv1d(width, width, kernel_size: 5, padding: 2);
        dropout = Dropout(0.3);
        RegisterComponents();
    }

    /// <summary>Words in context.</summary>
    /// <param name="input">The words' numbers, <c>[n, t, 3]</c>, and where there is a word, <c>[n, t]</c>.</param>
    /// <returns><c>[n, t, width + 1]</c>; the last channel is the mask.</returns>
    public override Tensor forward(Inputs input)
    {
        var (ids, mask) = input;
        var present = mask.unsqueeze(1).to(embedding.weight!.dtype);                     // [n, 1, t]
        var words = embedding.call(ids).sum(dim: 2).transpose(1, 2) * present;           // [n, width, t]
        words = dropout.call(words);
        words = words + (functional.relu(context.call(words)) * present);
        return cat([words, present], dim: 1).transpose(1, 2);
    }
}
