using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Splits the parameters that a <see cref="Trainer"/>'s optimizer is made of, so that none gets lost on the way to groups.</summary>
/// <remarks>
/// The others are all that was not asked for, the weights that a balancer learns included, and can be split
/// further. Each part is a group of TorchSharp's optimizers, with a learning rate of its own: <c>new Adam.ParamGroup(part, 1e-4)</c>.
/// </remarks>
public static class ParameterGroups
{
    /// <summary>Those of a module, and the others, both in their order.</summary>
    /// <param name="parameters">What is split.</param>
    /// <param name="module">The module, such as the model's trunk or one layer of it.</param>
    /// <exception cref="ArgumentException">The module has parameters, and none of them is among <paramref name="parameters"/>.</exception>
    public static (IReadOnlyList<Parameter> Inside, IReadOnlyList<Parameter> Others) Split(this IEnumerable<Parameter> parameters, nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var own = module.parameters().ToArray();
        var split = parameters.Split(own);
        return split.Inside.Count > 0 || own.Length == 0
            ? split
            : throw new ArgumentException($"`module` should have some of the parameters that are split. Found {module.GetName()}, all of whose {own.Length} are elsewhere.", nameof(module));
    }

    /// <summary>Some of them, and the others, both in their order.</summary>
    /// <param name="parameters">What is split.</param>
    /// <param name="some">Those to be set apart, such as a trunk's <see cref="Trunk.MixingParameters"/>; those that are not among <paramref name="parameters"/> are passed over.</param>
    public static (IReadOnlyList<Parameter> Inside, IReadOnlyList<Parameter> Others) Split(this IEnumerable<Parameter> parameters, IEnumerable<Parameter> some)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(some);
        var apart = some.Select(p => p.Handle).ToHashSet();
        var parts = parameters.ToLookup(p => apart.Contains(p.Handle));
        return ([.. parts[true]], [.. parts[false]]);
    }
}
