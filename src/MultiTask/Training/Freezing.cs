using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Freezes parts of a network: they stay exactly as they are, and the rest trains.</summary>
/// <remarks>
/// A frozen parameter needs no gradient, and so balancers pass over it and optimizers leave it alone, weight decay and
/// momentum included. A module all of whose parameters are frozen, by whatever hand, also stays in evaluation mode while the
/// <see cref="MultiTaskModel"/> or the <see cref="Trunk"/> that it is part of trains: otherwise batch normalisation would go on
/// to move its statistics, and with them the outputs. Dropout within it is off, too.
/// </remarks>
public static class Freezing
{
    /// <summary>Freezes all parameters of a module, drops their gradients, and puts the module into evaluation mode.</summary>
    /// <param name="module">The module: a model's trunk, one layer, a head, ….</param>
    public static void Freeze(this nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        module.parameters().Freeze();
        module.eval();
    }

    /// <summary>Freezes parameters and drops their gradients. A module that has no others goes into evaluation mode with the next <c>train()</c> of the model.</summary>
    /// <param name="parameters">The parameters, such as those of a trunk that are a task's own.</param>
    public static void Freeze(this IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        foreach (var parameter in parameters.ToArray())
        {
            parameter.requires_grad = false;
            parameter.grad = null;
        }
    }

    /// <summary>Lets all parameters of a module learn again. Its mode follows with the next <c>train()</c> of the model; the trainer calls it.</summary>
    /// <param name="module">The module.</param>
    public static void Unfreeze(this nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        module.parameters().Unfreeze();
    }

    /// <summary>Lets parameters learn again.</summary>
    /// <param name="parameters">The parameters, such as those of a frozen trunk that are a new task's own.</param>
    public static void Unfreeze(this IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        foreach (var parameter in parameters.ToArray())
        {
            parameter.requires_grad = true;
        }
    }

    /// <summary>Puts what is frozen within a module, or the whole module, into evaluation mode.</summary>
    internal static void KeepFrozenInEvaluation(nn.Module module)
    {
        if (IsFrozen(module))
        {
            module.eval();
            return;
        }

        foreach (var child in module.children())
        {
            KeepFrozenInEvaluation(child);
        }
    }

    private static bool IsFrozen(nn.Module module) => module.parameters() is var parameters && parameters.Any() && parameters.All(p => !p.requires_grad);
}
