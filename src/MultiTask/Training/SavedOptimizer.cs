using System.Text.Json;

namespace MultiTask.Training;

/// <summary>What of an optimizer is not a tensor.</summary>
/// <param name="Type">The optimizer's type.</param>
/// <param name="Groups">Its parameter groups, in order.</param>
internal sealed record SavedOptimizer(string Type, IReadOnlyList<SavedGroup> Groups);

/// <summary>What of a parameter group is not a tensor.</summary>
/// <param name="Options">Its options by name: learning rate, momentum, ….</param>
/// <param name="Parameters">Its parameters, in order.</param>
internal sealed record SavedGroup(IReadOnlyDictionary<string, JsonElement> Options, IReadOnlyList<SavedParameter> Parameters);

/// <summary>What of a parameter's state is not a tensor.</summary>
/// <param name="Type">The parameter's element type.</param>
/// <param name="Shape">The parameter's shape.</param>
/// <param name="Values">Plain values by name: the number of steps, ….</param>
/// <param name="Tensors">The names of the tensors; what is not named did not exist.</param>
internal sealed record SavedParameter(
    string Type,
    IReadOnlyList<long> Shape,
    IReadOnlyDictionary<string, JsonElement> Values,
    IReadOnlyList<string> Tensors);
