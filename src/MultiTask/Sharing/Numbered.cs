using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Modules one after the other, registered under their numbers.</summary>
internal sealed class Numbered<T> : nn.Module
    where T : nn.Module
{
    private readonly T[] items;

    public Numbered(IEnumerable<T> items)
        : base("Numbered")
    {
        this.items = [.. items];
        for (var i = 0; i < this.items.Length; i++)
        {
            register_module(Experts.Key(i), this.items[i]);
        }
    }

    public IReadOnlyList<T> All => items;

    public T Last => items[^1];
}
