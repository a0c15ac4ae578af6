using FluentAssertions;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using Tensorboard;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

public sealed class TensorBoardLogTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Each_figure_is_a_scalar_at_its_step()
    {
        var records = Records.Of();
        var log = new TensorBoardLog(utils.tensorboard.SummaryWriter(directory.Path));
        foreach (var record in records)
        {
            log.Write(record);
        }

        var events = Events().ToArray();
        var scalars = events.Where(e => e.Summary is not null).Select(e => (e.Step, e.Summary.Value.Single().Tag, e.Summary.Value.Single().SimpleValue)).ToArray();
        var expected = records.SelectMany(r => r.Figures().Where(f => f.Value is not null).Select(f => (r.Step, f.Name, (float)f.Value!.Value))
            .Prepend((r.Step, "skipped", r.Skipped ? 1f : 0f)));
        scalars.Should().Equal(expected);
        scalars.Should().Contain(s => s.Tag == "weight/age").And.Contain(s => s.Tag == "cosine/age.income" && s.SimpleValue < 0);
        scalars.Should().Contain((2, "condition_number", float.PositiveInfinity));
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        events.Where(e => e.Summary is not null).Should().OnlyContain(e => Math.Abs(e.WallTime - now) < 600, "TensorBoard wants seconds");
    }

    private IEnumerable<Event> Events()
    {
        using var stream = File.OpenRead(Directory.GetFiles(directory.Path).Should().ContainSingle().Subject);
        using var reader = new BinaryReader(stream);
        while (stream.Position < stream.Length)
        {
            // length, its checksum, the event, its checksum
            var length = reader.ReadInt64();
            reader.ReadInt32();
            yield return Event.Parser.ParseFrom(reader.ReadBytes((int)length));
            reader.ReadInt32();
        }
    }
}
