using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>What a call of a TorchSharp module costs in multiply-adds, by its kind.</summary>
/// <remarks>Products count; sums that are not of products, such as a bias, do not, nor does what is done number by number.</remarks>
internal static class MultiplyAddRules
{
    /// <summary>Whether a module with parameters counts 0: a look-up, or something done number by number.</summary>
    public static bool IsFree(nn.Module module) => module is Embedding or EmbeddingBag or NormBase or LayerNorm or GroupNorm or PReLU;

    /// <summary>Watches the calls of a module.</summary>
    /// <param name="module">The module.</param>
    /// <param name="add">Told of each call.</param>
    /// <returns>Ends the watching; <c>null</c> where the kind of module is not known.</returns>
    public static Action? Watch(nn.Module module, Action<long> add) => module switch
    {
        Linear m => One(m, add, (_, y) => y.numel() * m.in_features),
        Convolution { transposed: true } m => One(m, add, (x, _) => x.numel() * (m.weight!.numel() / m.in_channels)),
        Convolution m => One(m, add, (_, y) => y.numel() * (m.weight!.numel() / m.out_channels)),
        TransformerEncoderLayer m => One(m, add, (x, _) => Encoder(m, x)),
        Bilinear m => m.register_forward_hook((_, _, _, y) => Counted(y, add, y.numel() * m.in1_features * (m.in2_features + 1))).remove,
        RNNCell or GRUCell => ((nn.Module<Tensor, Tensor, Tensor>)module).register_forward_hook((_, x, _, y) => Counted(y, add, Recurrent(module, x))).remove,
        Transformer m => m.register_forward_hook((_, source, target, y) => Counted(y, add, Encoder(m, source, "encoder.") + Decoder(m, target, source, "decoder."))).remove,
        TransformerEncoder m => m.register_forward_hook((_, x, _, _, y) => Counted(y, add, Encoder(m, x))).remove,
        RNN m => m.register_forward_hook((_, x, _, y) => Counted(y, add, Recurrent(m, x))).remove,
        GRU m => m.register_forward_hook((_, x, _, y) => Counted(y, add, Recurrent(m, x))).remove,
        LSTM m => m.register_forward_hook((_, x, _, y) => Counted(y, add, Recurrent(m, x))).remove,
        LSTMCell m => m.register_forward_hook((_, x, _, y) => Counted(y, add, Recurrent(m, x))).remove,
        MultiheadAttention m => m.register_forward_hook((_, q, k, _, _, _, _, y) => Counted(y, add, Attention(m, q, k))).remove,
        TransformerDecoderLayer m => m.register_forward_hook((_, x, memory, _, _, _, _, y) => Counted(y, add, Decoder(m, x, memory))).remove,
        TransformerDecoder m => m.register_forward_hook((_, x, memory, _, _, _, _, y) => Counted(y, add, Decoder(m, x, memory))).remove,
        _ => null,
    };

    private static Action One(nn.Module<Tensor, Tensor> module, Action<long> add, Func<Tensor, Tensor, long> cost) =>
        module.register_forward_hook((_, x, y) => Counted(y, add, cost(x, y))).remove;

    private static T Counted<T>(T output, Action<long> add, long cost)
    {
        add(cost);
        return output;
    }

    /// <summary>All matrices of all layers, directions and gates, once at each step.</summary>
    private static long Recurrent(nn.Module module, Tensor x)
    {
        var matrices = Matrices(module, "");
        return x.numel() / matrices[0].Matrix.size(1) * matrices.Sum(m => m.Matrix.numel());
    }

    /// <summary>Projections of queries, keys, values and outputs; the scores of each query with each key, and with them the sums of values.</summary>
    private static long Attention(nn.Module module, Tensor queries, Tensor keys, string prefix = "")
    {
        var (ofQueries, ofKeys) = (Places(queries), Places(keys));
        var projections = Matrices(module, prefix).Sum(m => m.Name switch
        {
            "in_proj_weight" => m.Matrix.numel() / 3 * (ofQueries + (2 * ofKeys)),
            "k_proj_weight" or "v_proj_weight" => m.Matrix.numel() * ofKeys,
            "q_proj_weight" or "out_proj.weight" => m.Matrix.numel() * ofQueries,
            _ => 0, // the feed-forward part of a layer
        });
        var biasKey = module.named_parameters(recurse: false).Any(p => p.name == $"{prefix}bias_k") ? 1 : 0;
        return projections + (2 * queries.numel() * (keys.size(0) + biasKey));
    }

    /// <summary>Self-attention and the feed-forward part of each layer.</summary>
    private static long Encoder(nn.Module module, Tensor x, string prefix = "") =>
        Layers(module, prefix).Sum(layer => Attention(module, x, x, $"{layer}self_attn.") + FeedForward(module, x, layer));

    /// <summary>Self-attention, attention to the memory, and the feed-forward part of each layer.</summary>
    private static long Decoder(nn.Module module, Tensor x, Tensor memory, string prefix = "") =>
        Layers(module, prefix).Sum(layer =>
            Attention(module, x, x, $"{layer}self_attn.") + Attention(module, x, memory, $"{layer}multihead_attn.") + FeedForward(module, x, layer));

    private static long FeedForward(nn.Module module, Tensor x, string layer) =>
        Places(x) * Matrices(module, layer).Where(m => m.Name is "linear1.weight" or "linear2.weight").Sum(m => m.Matrix.numel());

    /// <summary>What the names of each layer's parameters begin with: <c>layers.0.</c>, or nothing for a layer by itself.</summary>
    private static IEnumerable<string> Layers(nn.Module module, string prefix)
    {
        const string End = "self_attn.out_proj.weight";
        return Matrices(module, prefix).Where(m => m.Name.EndsWith(End, StringComparison.Ordinal)).Select(m => prefix + m.Name[..^End.Length]);
    }

    private static (string Name, Tensor Matrix)[] Matrices(nn.Module module, string prefix) =>
    [
        .. module.named_parameters(recurse: false)
            .Where(p => p.parameter.dim() == 2 && p.name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(p => (p.name[prefix.Length..], (Tensor)p.parameter)),
    ];

    /// <summary>Samples × places: all dimensions but the last.</summary>
    private static long Places(Tensor x) => x.numel() / x.size(-1);
}
