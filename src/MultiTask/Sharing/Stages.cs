using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Encoders that run one after the other, registered under their numbers.</summary>
internal sealed class Stages : nn.Module
{
    private readonly Encoder[] encoders;

    public Stages(IEnumerable<Encoder> stages)
        : base(nameof(Stages))
    {
        ArgumentNullException.ThrowIfNull(stages);
        encoders = [.. stages];
        if (encoders.Length == 0)
        {
            throw new ArgumentException("`stages` should have at least 1 stage. Found 0.", nameof(stages));
        }

        for (var l = 0; l < encoders.Length; l++)
        {
            if (encoders[l] is null)
            {
                throw new ArgumentException($"`stages` should be encoders. Stage {l} is null.", nameof(stages));
            }

            register_module($"{l}", encoders[l].Module);
        }

        ExpectNew([this]);
    }

    public int Count => encoders.Length;

    /// <summary>The dtype and device of the first parameter: what is built around the stages starts there.</summary>
    public (ScalarType Dtype, Device Device) Place =>
        parameters().FirstOrDefault() is { } first ? (first.dtype, first.device) : (ScalarType.Float32, CPU);

    /// <summary>Refuses stacks that have a module or a parameter in common.</summary>
    public static void ExpectNew(IReadOnlyCollection<Stages> stacks)
    {
        if (HasTwice(stacks.SelectMany(s => s.encoders).Select(e => e.Module)) || HasTwice(stacks.SelectMany(s => s.parameters())))
        {
            throw new ArgumentException("`stages` should be new modules, each once. Found one module or parameter twice.");
        }
    }

    public nn.Module ModuleOf(int stage) => encoders[stage].Module;

    public Tensor Encode(int stage, Inputs input) => encoders[stage].Encode(input);

    /// <summary>The output of the last stage for each task, with a step of the task's own after each stage.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="step">Of task, stage and the stage's output. What comes before the first step runs once for all tasks.</param>
    public Representation WithSteps(Inputs input, Func<string, int, Tensor, Tensor> step)
    {
        Tensor? first = null;
        return new(task =>
        {
            var h = step(task, 0, first ??= Encode(0, input));
            for (var l = 1; l < Count; l++)
            {
                h = step(task, l, Encode(l, h));
            }

            return h;
        });
    }

    private static bool HasTwice(IEnumerable<object> items) => items.GroupBy(item => item, ReferenceEqualityComparer.Instance).Any(same => same.Count() > 1);
}
