using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Contracts;

/// <summary>A layer of a trunk and three heads, from a fixed seed, to which a case adds something odd.</summary>
internal sealed class OddModel
{
    /// <summary>What is odd, by what it is called.</summary>
    public static readonly IReadOnlyDictionary<string, Action<OddModel>> Cases = new Dictionary<string, Action<OddModel>>
    {
        ["a weight used twice"] = m =>
        {
            var w = m.Share(4, 4);
            m.Then(z => z.matmul(w).tanh().matmul(w).tanh());
        },
        ["an unused parameter"] = m => m.Share(2, 3),
        ["a frozen parameter"] = m =>
        {
            var w = m.Share(4, 4);
            w.requires_grad = false;
            m.Then(z => z.matmul(w).tanh());
        },
        ["a scalar and an empty parameter"] = m =>
        {
            var (scalar, empty) = (m.Share(), m.Share(0, 4));
            m.Then(z => (z * scalar) + empty.sum());
        },
        ["gradients that are transposed and expanded"] = m =>
        {
            var (transposed, expanded) = (m.Share(4, 4), m.Share(3));
            m.Then(z => (z.matmul(transposed.t()) + expanded.mean()).tanh());
        },
        ["parameters that are views"] = m =>
        {
            var (transposed, everyOther) = (m.Share(m.Normal(4, 4).t()), m.Share(m.Normal(4, 8).slice(1, 0, 8, 2)));
            m.Then(z => z.matmul(transposed).tanh().matmul(everyOther).tanh());
        },
        ["two dtypes"] = m =>
        {
            var other = m.dtype == ScalarType.Float32 ? ScalarType.Float64 : ScalarType.Float32;
            var w = m.Share(m.Normal(4, 4).to(other));
            m.Then(z => z.to(other).matmul(w).tanh().to(z.dtype));
            var head = m.heads["c"];
            m.Head("c", z => head(z).to(other));
        },
        ["batch normalisation"] = m => m.Then(m.Share(BatchNorm1d(4)).call),
        ["a GRU"] = m =>
        {
            var gru = m.Share(GRU(1, 4, batchFirst: true));
            m.Then(z => gru.call(z.unsqueeze(2)).Item1[.., -1]);
        },
        ["an LSTM"] = m =>
        {
            var lstm = m.Share(LSTM(1, 4, batchFirst: true));
            m.Then(z => lstm.call(z.unsqueeze(2)).Item1[.., -1]);
        },
        ["an embedding"] = m => m.Embed(sparse: false),
        ["an embedding with sparse gradients"] = m => m.Embed(sparse: true),
        ["an embedding tied to a head"] = m =>
        {
            var table = m.Embed(sparse: false);
            m.Head("a", z => z.matmul(table.t()).logsumexp(1, keepdim: true));
        },
        ["a representation for each task"] = m =>
        {
            var gates = m.heads.Map((_, _) => m.Share(4));
            m.ThenEach((task, z) => z * gates[task].exp());
        },
        ["one task"] = m => m.heads = m.heads.Filter((task, _) => task == "b"),
        ["a trunk that one task reaches"] = m => m.Detach("a", "c"),
        ["a trunk that no task reaches"] = m => m.Detach("a", "b", "c"),
    };

    private const int Rows = 8;
    private readonly Generator random = new(7);
    private readonly ScalarType dtype;
    private readonly List<Parameter> shared = [];
    private readonly List<Parameter> own = [];
    private readonly List<Tensor> buffers = [];
    private readonly Tensor x;
    private readonly TaskMap<Tensor> y;
    private Func<Tensor, Tensor> trunk;
    private Func<string, Tensor, Tensor>? ofTask;
    private TaskMap<Func<Tensor, Tensor>> heads;

    public OddModel(string odd, ScalarType dtype)
    {
        this.dtype = dtype;
        x = Normal(Rows, 3);
        var (w, b) = (Share(3, 4), Share(4));
        trunk = x => (x.matmul(w) + b).tanh();
        heads = TaskMap.Create(((string[])["a", "b", "c"]).Select(task => (task, NewHead())));
        y = heads.Map((task, _) => Normal(Rows, 1) + (task == "b" ? -6 : 6)); // heads are alike and targets are not, hence conflict
        Cases[odd](this);
    }

    public IReadOnlyList<string> Tasks => heads.Tasks;

    public IReadOnlyList<Parameter> Shared => shared;

    /// <summary>The shared parameters, then those of the heads.</summary>
    public IReadOnlyList<Parameter> All => [.. shared, .. own];

    public IReadOnlyList<Tensor> Buffers => buffers;

    /// <summary>The least precise dtype of a parameter.</summary>
    public ScalarType Narrowest => All.Any(p => p.dtype == ScalarType.Float32) ? ScalarType.Float32 : ScalarType.Float64;

    public bool HasSparseGradients { get; private set; }

    public Representation Represent(Range rows)
    {
        var z = trunk(x[rows]);
        return ofTask is null ? new(z) : new(task => ofTask(task, z));
    }

    public Tensor Loss(string task, Tensor z, Range rows) => (heads[task](z) - y[task][rows]).square().mean();

    public TaskMap<Tensor> Losses(Representation z, Range rows) => heads.Map((task, _) => Loss(task, z.For(task), rows));

    public TaskMap<Tensor> Losses(Range rows) => Losses(Represent(rows), rows);

    private Tensor Normal(params long[] shape) => randn(shape, dtype, generator: random);

    private Parameter Share(params long[] shape) => Share(Normal(shape));

    private Parameter Share(Tensor values)
    {
        shared.Add(Parameter(values));
        return shared[^1];
    }

    private T Share<T>(T module)
        where T : Module
    {
        module.to(dtype);
        using var off = no_grad();
        foreach (var p in module.parameters())
        {
            p.copy_(Normal(p.shape));
            shared.Add(p);
        }

        buffers.AddRange(module.buffers());
        return module;
    }

    private Func<Tensor, Tensor> NewHead()
    {
        var w = Parameter(1 + (Normal(4, 1) * 0.5));
        own.Add(w);
        return z => z.matmul(w);
    }

    private void Then(Func<Tensor, Tensor> layer)
    {
        var before = trunk;
        trunk = x => layer(before(x));
    }

    private void ThenEach(Func<string, Tensor, Tensor> layer) => ofTask = layer;

    private void Head(string task, Func<Tensor, Tensor> head) => heads = heads.Map((t, present) => t == task ? head : present);

    private void Detach(params string[] tasks)
    {
        foreach (var task in tasks)
        {
            var head = heads[task];
            Head(task, z => head(z.detach()));
        }
    }

    /// <summary>Adds a row of a table, of which some rows are never read.</summary>
    private Parameter Embed(bool sparse)
    {
        HasSparseGradients = sparse;
        var table = Share(Embedding(6, 4, sparse: sparse));
        Then(z => z + table.call(z.argmax(1)));
        return table.weight!;
    }
}
