using Xunit;

namespace MultiTask.Tests.Training;

/// <summary>Tests that need torch's global random numbers for themselves: no other test runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class GlobalRandomNumbers
{
    public const string Name = "global random numbers";
}
