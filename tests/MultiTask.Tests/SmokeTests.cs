using FluentAssertions;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public class SmokeTests
{
    [Fact]
    public void TorchSharp_loads() => ones(3).sum().item<float>().Should().Be(3);
}
