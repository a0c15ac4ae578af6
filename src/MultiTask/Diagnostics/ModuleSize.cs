namespace MultiTask.Diagnostics;

/// <summary>The size of a module by itself, without those within it.</summary>
/// <param name="Name">Its path in the model, such as <c>trunk.encoder.0</c>; <c>mixing</c> for sums of several modules' outputs.</param>
/// <param name="Kind">The name of its type.</param>
/// <param name="Parameters">How many numbers its parameters are.</param>
/// <param name="MultiplyAdds">What it costs when all tasks run, a sample.</param>
public sealed record ModuleSize(string Name, string Kind, long Parameters, double MultiplyAdds);
