using FluentAssertions;
using MultiTask.Training;
using Xunit;

namespace MultiTask.Tests.Training;

public sealed class AtomicFileTests : IDisposable
{
    private static readonly byte[] Old = [1, 2, 3];
    private static readonly byte[] New = [4, 5, 6, 7];
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Writes_a_new_file()
    {
        AtomicFile.Write(Target, stream => stream.Write(New));

        Files().Should().Equal(Target);
        File.ReadAllBytes(Target).Should().Equal(New);
    }

    [Fact]
    public void Replaces_a_longer_file()
    {
        File.WriteAllBytes(Target, new byte[1000]);

        AtomicFile.Write(Target, stream => stream.Write(New));

        Files().Should().Equal(Target);
        File.ReadAllBytes(Target).Should().Equal(New);
    }

    [Fact]
    public void Keeps_the_old_file_when_the_writer_throws_midway() =>
        OldFileSurvives<ArithmeticException>(() => AtomicFile.Write(Target, stream =>
        {
            stream.Write(new byte[100_000]);
            throw new ArithmeticException();
        }));

    [Fact]
    public void Leaves_nothing_when_the_first_save_fails()
    {
        var save = () => AtomicFile.Write(Target, _ => throw new ArithmeticException());

        save.Should().Throw<ArithmeticException>();
        Files().Should().BeEmpty();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(70_000)]
    public void Keeps_the_old_file_when_the_disk_is_full(int room) =>
        OldFileSurvives<IOException>(() => AtomicFile.Write(
            Target,
            stream => stream.Write(new byte[100_000]),
            path => new SmallDisk(File.Create(path), room)));

    [Fact]
    public void Keeps_the_old_file_when_only_the_flush_finds_the_disk_full() =>
        OldFileSurvives<IOException>(() => AtomicFile.Write(
            Target,
            stream => stream.Write(New),
            path => new BufferedStream(new SmallDisk(File.Create(path), room: 2), 1000)));

    [Fact]
    public void Keeps_the_old_file_when_the_device_is_full()
    {
        if (!File.Exists("/dev/full"))
        {
            return;
        }

        OldFileSurvives<IOException>(() => AtomicFile.Write(
            Target,
            stream => stream.Write(New),
            _ => new FileStream("/dev/full", FileMode.Open, FileAccess.Write)));
    }

    [Fact]
    public void Says_which_directory_is_missing()
    {
        var save = () => AtomicFile.Write(directory.File("missing/file"), stream => stream.Write(New));

        save.Should().Throw<DirectoryNotFoundException>().WithMessage($"*'{directory.File("missing")}'*");
    }

    [Fact]
    public void Refuses_a_parent_that_is_a_file()
    {
        File.WriteAllBytes(Target, Old);

        var save = () => AtomicFile.Write(Path.Combine(Target, "file"), stream => stream.Write(New));

        save.Should().Throw<IOException>();
        File.ReadAllBytes(Target).Should().Equal(Old);
    }

    [Fact]
    public void Refuses_a_directory_before_anything_is_written()
    {
        var written = false;

        var save = () => AtomicFile.Write(directory.Path, _ => written = true);

        save.Should().Throw<IOException>().WithMessage("*directory*");
        written.Should().BeFalse();
    }

    [Fact]
    public void Readers_see_the_old_file_until_the_new_one_is_whole()
    {
        File.WriteAllBytes(Target, Old);
        using var reader = new FileStream(Target, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);

        AtomicFile.Write(Target, stream =>
        {
            stream.Write(New);
            stream.Flush();
            File.ReadAllBytes(Target).Should().Equal(Old);
        });

        File.ReadAllBytes(Target).Should().Equal(New);
        var kept = new byte[Old.Length];
        reader.ReadExactly(kept);
        kept.Should().Equal(Old, "a reader that had the old file open keeps it");
    }

    [Fact]
    public void Readers_never_see_half_a_file()
    {
        Write(0);
        using var stop = new CancellationTokenSource();
        var writer = new Thread(() =>
        {
            for (byte i = 0; !stop.IsCancellationRequested; i++)
            {
                Write(i);
            }
        });
        writer.Start();

        for (var i = 0; i < 500; i++)
        {
            var bytes = File.ReadAllBytes(Target);
            bytes.Should().HaveCount(10_000);
            bytes.Distinct().Should().ContainSingle();
        }

        stop.Cancel();
        writer.Join();

        void Write(byte value) => AtomicFile.Write(Target, stream =>
        {
            for (var k = 0; k < 10; k++)
            {
                stream.Write(Enumerable.Repeat(value, 1000).ToArray());
            }
        });
    }

    [Fact]
    public void A_symbolic_link_stays_one()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        File.WriteAllBytes(Target, Old);
        var link = directory.File("latest");
        File.CreateSymbolicLink(link, Target);

        AtomicFile.Write(link, stream => stream.Write(New));

        new FileInfo(link).LinkTarget.Should().Be(Target);
        File.ReadAllBytes(Target).Should().Equal(New);
    }

    private string Target => directory.File("file");

    private string[] Files() => Directory.GetFileSystemEntries(directory.Path);

    private void OldFileSurvives<TException>(Action save)
        where TException : Exception
    {
        File.WriteAllBytes(Target, Old);

        save.Should().Throw<TException>();

        Files().Should().Equal(Target);
        File.ReadAllBytes(Target).Should().Equal(Old);
    }

    /// <summary>A stream that takes so many bytes and no more.</summary>
    private sealed class SmallDisk(Stream inner, long room) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            var fits = (int)Math.Min(count, room - inner.Position);
            inner.Write(buffer, offset, fits);
            if (fits < count)
            {
                throw new IOException("No space left on device");
            }
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
