using System.Runtime.CompilerServices;
using TorchSharp;

namespace MultiTask.Tests;

/// <summary>Tests compute with one thread: their tensors are tiny, and threads that wait for each other take ten times as long on a busy machine.</summary>
internal static class OneThread
{
    [ModuleInitializer]
    internal static void Use() => torch.set_num_threads(1);
}
