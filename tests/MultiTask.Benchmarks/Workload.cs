using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Benchmarks;

/// <summary>A model of a shape for K regression tasks, one batch of noise, and Adam.</summary>
internal sealed class Workload : IDisposable
{
    public const int Batch = 128;
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Inputs input;
    private readonly TaskMap<Tensor> targets;

    public Workload(Shape shape, int tasks)
    {
        manual_seed(1);
        Names = Concrete.Names(tasks);
        Model = new(new HardSharing(Encoder.From(shape.Trunk())), Names.Select(task => LearningTask.Regression(task, Linear(shape.Width, 1))));
        input = randn([Batch, .. shape.Sample]);
        targets = TaskMap.Create(Names.Select(task => (task, randn(Batch, 1))));
        Shared = [.. Model.SharedParameters()];
    }

    public IReadOnlyList<string> Names { get; }

    public MultiTaskModel Model { get; }

    public IReadOnlyList<Parameter> Shared { get; }

    /// <summary>A balancer with its defaults.</summary>
    public Balancer Balancer(Type type) => Concrete.Balancer(type, Names, () => Model.Losses(Model.call(input), targets), Model.parameters());

    /// <summary>The parameters of the last layer of the trunk.</summary>
    public IReadOnlyList<Parameter> LastLayer => [.. Shared.TakeLast(2)];

    /// <summary>A whole step, in a loop by hand that has a balancer in it.</summary>
    public Action Step(Balancer balancer, BalanceAt at = BalanceAt.SharedParameters, IReadOnlyList<Parameter>? shared = null, bool fused = false)
    {
        var optimizer = Adam(balancer, fused);
        return () =>
        {
            using var step = NewDisposeScope();
            ClearGradients();
            Backward(balancer, at, shared);
            optimizer.step();
            balancer.EndStep(() => Model.Losses(Model.call(input), targets));
        };
    }

    /// <summary>A step with <c>loss.backward()</c> and nothing of the library but its modules.</summary>
    public Action PlainStep(bool fused = false)
    {
        var optimizer = Adam(null, fused);
        var (trunk, heads) = ByHand();
        return () =>
        {
            using var step = NewDisposeScope();
            ClearGradients();
            LossesByHand(trunk, heads).Aggregate((sum, loss) => sum + loss).backward();
            optimizer.step();
        };
    }

    /// <summary>The least that any gradient method has to call: forward, a backward pass through the trunk for each task, the optimizer.</summary>
    /// <param name="keep">Whether the gradients of each task are kept, instead of added to those before.</param>
    public Action LeastOfGradients(bool keep = false)
    {
        var optimizer = Adam(null, fused: false);
        var (trunk, heads) = ByHand();
        return () =>
        {
            using var step = NewDisposeScope();
            ClearGradients();
            var losses = LossesByHand(trunk, heads);
            for (var i = 0; i < losses.Length; i++)
            {
                losses[i].backward(retain_graph: i + 1 < losses.Length);
                if (keep && i + 1 < losses.Length)
                {
                    Keep();
                }
            }

            optimizer.step();
        };
    }

    /// <summary>Forward and backward from a fixed representation on: a backward pass for each head, or one for all.</summary>
    public Action HeadsBackward(bool together)
    {
        var (trunk, heads) = ByHand();
        var h = trunk.call(input.Single).detach().requires_grad_();
        return () =>
        {
            using var step = NewDisposeScope();
            ClearGradients();
            h.grad = null;
            Tensor[] losses = [.. heads.Select((head, i) => functional.mse_loss(head.call(h), targets.Values[i]))];
            if (together)
            {
                losses.Aggregate((sum, loss) => sum + loss).backward();
            }
            else
            {
                Array.ForEach(losses, loss => loss.backward());
            }
        };
    }

    /// <summary>The backward pass of a balancer, without gradients to clear and without the optimizer.</summary>
    public void Backward(Balancer balancer, BalanceAt at, IReadOnlyList<Parameter>? shared = null)
    {
        if (at == BalanceAt.SharedParameters)
        {
            balancer.Backward(Model.Losses(Model.call(input), targets), shared ?? Shared);
            return;
        }

        var representation = Model.Trunk.call(input).Cut();
        balancer.Backward(Model.Losses(Model.Outputs(representation), targets), representation);
    }

    /// <summary>The gradients of the losses of the batch.</summary>
    public Jacobian Jacobian() => MultiTask.Jacobian.Of(Model.Losses(Model.call(input), targets), Shared);

    /// <summary>Data of the shape of the batch.</summary>
    public MultiTaskDataset Data(int samples) =>
        new(randn([samples, .. input.Single.shape[1..]]), TaskMap.Create(Names.Select(task => (task, randn(samples, 1)))));

    /// <summary>Epochs of a loop that has nothing of the library in it.</summary>
    public Action LoopByHand(MultiTaskDataset data, int epochs, Func<IEnumerable<Parameter>, optim.Optimizer> optimizerOf)
    {
        var (trunk, heads) = ByHand();
        return () =>
        {
            using var all = NewDisposeScope();
            using var optimizer = optimizerOf(Parameters(null));
            for (var epoch = 0; epoch < epochs; epoch++)
            {
                var order = randperm(data.Count);
                for (var start = 0L; start < data.Count; start += Batch)
                {
                    using var step = NewDisposeScope();
                    var rows = order.narrow(0, start, Math.Min(Batch, data.Count - start));
                    var h = trunk.call(data.Inputs[0].index_select(0, rows));
                    var losses = heads.Select((head, i) => functional.mse_loss(head.call(h), data.Targets.Values[i].index_select(0, rows)));
                    optimizer.zero_grad();
                    losses.Aggregate((sum, loss) => sum + loss).backward();
                    optimizer.step();
                }
            }
        };
    }

    public void ClearGradients()
    {
        foreach (var parameter in Model.parameters())
        {
            parameter.grad = null;
        }
    }

    public void Dispose()
    {
        Model.Dispose();
        scope.Dispose();
    }

    /// <summary>Leaves the gradients of the shared parameters to the step's dispose scope.</summary>
    private void Keep()
    {
        foreach (var parameter in Shared)
        {
            _ = parameter.grad;
            parameter.grad = null;
        }
    }

    private optim.Optimizer Adam(Balancer? balancer, bool fused) =>
        fused ? new FusedAdam(Parameters(balancer), 1e-3) : optim.Adam(Parameters(balancer), 1e-3);

    private Parameter[] Parameters(Balancer? balancer) => [.. Model.parameters().Concat(balancer?.parameters() ?? [])];

    private (Module<Tensor, Tensor> Trunk, Module<Tensor, Tensor>[] Heads) ByHand() =>
        ((Module<Tensor, Tensor>)Model.Trunk.children().Single(), [.. Model.Tasks.Values.Select(task => task.Head)]);

    private Tensor[] LossesByHand(Module<Tensor, Tensor> trunk, Module<Tensor, Tensor>[] heads)
    {
        var h = trunk.call(input.Single);
        return [.. heads.Select((head, i) => functional.mse_loss(head.call(h), targets.Values[i]))];
    }
}
