using MultiTask.Diagnostics;

namespace MultiTask.Sharing;

/// <summary>Asks the functions of the user for modules, and refuses one that comes twice.</summary>
internal sealed class FreshModules
{
    private readonly HashSet<object> seen = new(ReferenceEqualityComparer.Instance);

    /// <summary>Checks a new encoder.</summary>
    /// <param name="encoder">What the function gave.</param>
    /// <param name="function">The function's name, for messages.</param>
    public Encoder Checked(Encoder? encoder, string function)
    {
        if (encoder is null)
        {
            throw new ArgumentException($"`{function}` should make an encoder on each call. It gave null.", function);
        }

        // A module may stand twice within one encoder, hence the list before the check.
        IReadOnlyCollection<object> parts = [encoder.Module, .. encoder.Module.parameters().Distinct(ReferenceEqualityComparer.Instance)!];
        return parts.All(seen.Add)
            ? encoder
            : throw new ArgumentException($"`{function}` should make new modules on each call. It gave one module or parameter twice.", function);
    }

    /// <summary>Some encoders.</summary>
    public Encoder[] Some(int count, Func<Encoder> make, string function)
    {
        ArgumentNullException.ThrowIfNull(make, function);
        return [.. Enumerable.Range(0, count).Select(_ => Checked(make(), function))];
    }

    /// <summary>Some stacks, all of one depth: at <c>[i][l]</c> the layer l of stack i.</summary>
    public Encoder[][] Stacks(int count, Func<IReadOnlyList<Encoder>> make, string function, int? depth = null)
    {
        ArgumentNullException.ThrowIfNull(make, function);
        Encoder[][] stacks = [.. Enumerable.Range(0, count).Select(_ => Stack(make(), function))];
        var expected = depth ?? (count > 0 ? stacks[0].Length : 0);
        return stacks.FirstOrDefault(s => s.Length != expected) is { } other
            ? throw new ArgumentException($"`{function}` should make {expected} layers on each call. It made {other.Length}.", function)
            : stacks;
    }

    private Encoder[] Stack(IReadOnlyList<Encoder>? layers, string function)
    {
        Arguments.AtLeastOne(layers?.Count ?? 0, function);
        return [.. layers!.Select(layer => Checked(layer, function))];
    }
}
