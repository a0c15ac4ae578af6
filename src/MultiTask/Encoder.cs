using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// Any module that turns inputs into one tensor: what a trunk is made of. Modules convert by themselves.
/// </summary>
/// <remarks>
/// A <c>Module&lt;Tensor, Tensor&gt;</c> reads inputs of one tensor, a <c>Module&lt;Tensor, Tensor, Tensor&gt;</c> inputs of
/// two, and a <c>Module&lt;Inputs, Tensor&gt;</c> takes whatever comes. The encoder is a view: the trunk that is built from
/// it registers <see cref="Module"/> itself, so state keys have no extra level.
/// </remarks>
public sealed class Encoder
{
    private readonly Func<Inputs, Tensor> encode;

    private Encoder(nn.Module module, Func<Inputs, Tensor> encode)
    {
        ArgumentNullException.ThrowIfNull(module);
        Module = module;
        this.encode = encode;
    }

    /// <summary>The module that does the work.</summary>
    public nn.Module Module { get; }

    /// <summary>An encoder of inputs of one tensor.</summary>
    /// <param name="module">The module; from here on it belongs to what is built from it.</param>
    public static implicit operator Encoder(nn.Module<Tensor, Tensor> module) => From(module);

    /// <summary>An encoder of inputs of two tensors.</summary>
    /// <param name="module">The module; from here on it belongs to what is built from it.</param>
    public static implicit operator Encoder(nn.Module<Tensor, Tensor, Tensor> module) => From(module);

    /// <summary>An encoder of whatever inputs there are.</summary>
    /// <param name="module">The module; from here on it belongs to what is built from it.</param>
    public static implicit operator Encoder(nn.Module<Inputs, Tensor> module) => From(module);

    /// <summary>An encoder of inputs of one tensor.</summary>
    /// <param name="module">The module; from here on it belongs to what is built from it.</param>
    public static Encoder From(nn.Module<Tensor, Tensor> module) => new(module, inputs => module.call(inputs.Single));

    /// <summary>An encoder of inputs of two tensors.</summary>
    /// <param name="module">The module; from here on it belongs to what is built from it.</param>
    public static Encoder From(nn.Module<Tensor, Tensor, Tensor> module) => new(module, inputs =>
    {
        var (first, second) = inputs;
        return module.call(first, second);
    });

    /// <summary>An encoder of whatever inputs there are.</summary>
    /// <param name="module">The module; from here on it belongs to what is built from it.</param>
    public static Encoder From(nn.Module<Inputs, Tensor> module) => new(module, inputs => module.call(inputs));

    /// <summary>Runs the module.</summary>
    /// <param name="inputs">The batch, samples first.</param>
    /// <returns>One tensor, samples first.</returns>
    public Tensor Encode(Inputs inputs) => encode(inputs);
}
