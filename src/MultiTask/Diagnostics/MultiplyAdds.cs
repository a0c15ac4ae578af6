using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Where modules of ours, which compute with tensors instead of counted modules, say what that costs. Heard only while <see cref="ModelSize"/> counts.</summary>
internal static class MultiplyAdds
{
    [ThreadStatic]
    private static Action<nn.Module?, long>? listener;

    /// <summary>Sends what this thread's modules say to a listener until the result is disposed.</summary>
    public static IDisposable Listen(Action<nn.Module?, long> to)
    {
        var before = listener;
        listener = to;
        return new Listening(before);
    }

    /// <summary>Each number of a result is a sum of so many products.</summary>
    /// <param name="result">The result.</param>
    /// <param name="terms">How many products.</param>
    /// <param name="module">The module whose parameters these are; <c>null</c> where features of several are mixed.</param>
    /// <returns>The result.</returns>
    public static Tensor Sums(Tensor result, long terms, nn.Module? module = null)
    {
        listener?.Invoke(module, result.numel() * terms);
        return result;
    }

    private sealed class Listening(Action<nn.Module?, long>? before) : IDisposable
    {
        public void Dispose() => listener = before;
    }
}
