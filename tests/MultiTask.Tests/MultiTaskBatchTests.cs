using FluentAssertions;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class MultiTaskBatchTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void One_part_is_the_short_way()
    {
        var batch = new MultiTaskBatch(zeros(4, 3), [("a", zeros(4)), ("b", zeros(4, 2))], [("b", ones(4))]);
        batch.Samples.Should().Be(4);
        var part = batch.Parts.Should().ContainSingle().Subject;
        part.Targets.Tasks.Should().Equal("a", "b");
        part.Weights.Tasks.Should().Equal("b");
        new MultiTaskBatch(zeros(4, 3), [("a", zeros(4))]).Parts[0].Weights.Count.Should().Be(0);
    }

    [Fact]
    public void Samples_of_several_parts_add_up()
    {
        new MultiTaskBatch([new(zeros(4, 3), [("a", zeros(4))]), new(zeros(2, 5), [("b", zeros(2))])]).Samples.Should().Be(6);
    }

    [Fact]
    public void A_batch_without_targets_is_one_to_predict() =>
        new MultiTaskBatch(zeros(4, 3), []).Parts[0].Targets.Count.Should().Be(0);

    [Fact]
    public void Refuses_what_does_not_fit_and_names_the_task()
    {
        Tensor x = zeros(4, 3), y = zeros(4);
        Part(zeros(0, 3), [("a", zeros(0))]).Should().Throw<ArgumentException>().WithMessage("*at least one sample*[0, 3]*");
        Part(x, [("a", y), ("b", zeros(3))]).Should().Throw<ArgumentException>().WithMessage("*'b'*4 samples*marked, not left out*[3]*");
        Part(x, [("a", tensor(1f))]).Should().Throw<ArgumentException>().WithMessage("*'a'*[]*");
        Part(x, [("a", y)], [("a", zeros(4, 1))]).Should().Throw<ArgumentException>().WithMessage("*'a'*weights*[4]*[4, 1]*");
        Part(x, [("a", y)], [("a", zeros(3))]).Should().Throw<ArgumentException>().WithMessage("*'a'*weights*[4]*[3]*");
        Part(x, [("a", y)], [("z", y)]).Should().Throw<ArgumentException>().WithMessage("*'z'*belong to one of 'a'*");
        Part(null!, [("a", y)]).Should().Throw<ArgumentNullException>();
        Part(x, null!).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => new MultiTaskBatch([])).Should().Throw<ArgumentException>().WithMessage("*at least one part*none*");
        FluentActions.Invoking(() => new MultiTaskBatch([null!])).Should().Throw<ArgumentException>().WithMessage("*at least one part*null*");
        FluentActions.Invoking(() => new MultiTaskBatch(null!)).Should().Throw<ArgumentNullException>();
        static Func<BatchPart> Part(Inputs inputs, TaskMap<Tensor> targets, TaskMap<Tensor>? weights = null) => () => new(inputs, targets, weights);
    }

    [Fact]
    public void Does_not_own_its_tensors()
    {
        var x = zeros(4, 3);
        var batch = new MultiTaskBatch(x, [("a", zeros(4))]);
        using (NewDisposeScope())
        {
            batch.To(CPU);
        }

        x.IsInvalid.Should().BeFalse();
        batch.Parts[0].Targets["a"].IsInvalid.Should().BeFalse();
    }

    [Fact]
    public void Moves_with_all_it_has()
    {
        var moved = new MultiTaskBatch([zeros(4, 3), zeros(4)], [("a", zeros(4))], [("a", ones(4))]).To(META).Parts[0];
        moved.Inputs.Concat(moved.Targets.Values).Concat(moved.Weights.Values).Should().HaveCount(4)
            .And.OnlyContain(t => t.device_type == DeviceType.META);
    }
}
