using System.Globalization;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Some encoders that read the same, registered under their numbers.</summary>
internal sealed class Experts : nn.Module
{
    private readonly Encoder[] encoders;

    public Experts(IEnumerable<Encoder> encoders)
        : base(nameof(Experts))
    {
        this.encoders = [.. encoders];
        for (var i = 0; i < this.encoders.Length; i++)
        {
            register_module(Key(i), this.encoders[i].Module);
        }
    }

    public int Count => encoders.Length;

    public Encoder First => encoders[0];

    public static string Key(int i) => i.ToString(CultureInfo.InvariantCulture);

    /// <summary>The names of the experts in tables: <c>shared.0</c>, <c>shared.1</c>, ….</summary>
    public static IEnumerable<string> Names(string of, int count) => Enumerable.Range(0, count).Select(i => $"{of}.{Key(i)}");

    public Tensor Encode(int expert, Inputs inputs) => encoders[expert].Encode(inputs);

    public IEnumerable<Tensor> Encode(Inputs inputs) => encoders.Select(e => e.Encode(inputs));
}
