using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Contracts;

/// <summary>A trunk, heads and an unused layer, in float64, from a fixed seed; losses are positive and of unlike scale.</summary>
internal sealed class SmallNet : IDisposable
{
    private readonly Linear[] heads;
    private readonly Tensor x;
    private readonly Tensor[] y;

    public SmallNet(int tasks, ScalarType dtype = ScalarType.Float64)
    {
        using var generator = new Generator(7);
        Trunk = Sequential(Linear(3, 4), Tanh(), Linear(4, 4), Tanh());
        Unused = Linear(2, 2);
        heads = [.. Enumerable.Range(0, tasks).Select(_ => Linear(4, 1))];
        foreach (var module in heads.Append<Module>(Trunk).Append(Unused))
        {
            module.to(dtype);
            foreach (var p in module.parameters())
            {
                using var off = no_grad();
                p.copy_(randn(p.shape, dtype, generator: generator) * 0.7);
            }
        }

        x = randn([6, 3], dtype, generator: generator);
        y = [.. heads.Select((_, i) => randn([6, 1], dtype, generator: generator) * Math.Pow(3, i))];
    }

    public Sequential Trunk { get; }

    public Linear Unused { get; }

    public IEnumerable<Parameter> Shared => Trunk.parameters().Concat(Unused.parameters());

    public IEnumerable<Parameter> Head(int i) => heads[i].parameters();

    public IEnumerable<Parameter> All => Trunk.parameters().Concat(heads.SelectMany(h => h.parameters())).Concat(Unused.parameters());

    public Tensor Represent() => Trunk.call(x);

    public TaskMap<Tensor> Losses(Func<int, bool>? present = null) => Losses(Represent(), present);

    public TaskMap<Tensor> Losses(Tensor z, Func<int, bool>? present = null, Range? rows = null) => Losses(_ => z, present, rows);

    /// <summary>The losses of heads that each read what is theirs.</summary>
    public TaskMap<Tensor> Losses(Representation z) => Losses(z.For);

    private TaskMap<Tensor> Losses(Func<string, Tensor> z, Func<int, bool>? present = null, Range? rows = null)
    {
        var range = rows ?? ..;
        return TaskMap.Create(Enumerable.Range(0, heads.Length)
            .Where(present ?? (_ => true))
            .Select(i => ($"task{i}", (heads[i].call(z($"task{i}")[range]) - y[i][range]).square().mean() + 0.1)));
    }

    /// <summary>The gradients that are there, flattened; a parameter without one counts as null.</summary>
    public static double[]?[] Gradients(IEnumerable<Parameter> parameters)
    {
        using var scope = NewDisposeScope();
        return [.. parameters.Select(p => p.grad is { } g ? g.to(ScalarType.Float64).reshape(-1).data<double>().ToArray() : null)];
    }

    public void ZeroGradients()
    {
        foreach (var p in All)
        {
            p.grad = null;
        }
    }

    public void Dispose()
    {
        Trunk.Dispose();
        Unused.Dispose();
        foreach (var head in heads)
        {
            head.Dispose();
        }
    }
}
