using System.IO.Compression;
using System.Text;
using FluentAssertions;
using MultiTask.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

public sealed class CheckpointArchiveTests : IDisposable
{
    private static readonly Document Progress = new(7, double.NegativeInfinity, [0.1, 1.0 / 3]);
    private static readonly byte[] Raw = [.. Enumerable.Range(0, 300).Select(i => (byte)i)];

    private readonly TemporaryDirectory directory = new();
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> weights = new() { ["w"] = arange(12, dtype: ScalarType.Float32).reshape(3, 4), ["n"] = tensor(5L) };

    private string Target => directory.File("model.ckpt");

    public void Dispose()
    {
        scope.Dispose();
        directory.Dispose();
    }

    [Fact]
    public void What_was_written_is_read()
    {
        Write();

        using var reader = CheckpointReader.Open(Target);

        reader.Path.Should().Be(Target);
        reader.Version.Should().Be(1);
        reader.Library.Should().Be(CheckpointManifest.LibraryVersion);
        reader.Info.Should().Equal(new Dictionary<string, string> { ["created"] = "a test" });
        reader.Names.Should().Equal("progress.json", "weights", "raw", "empty");
        reader.Contains("raw").Should().BeTrue();
        reader.Contains("manifest.json").Should().BeFalse();
        IsIntact(reader).Should().BeTrue();
    }

    [Fact]
    public void The_file_is_an_ordinary_zip()
    {
        Write();

        using var zip = ZipFile.OpenRead(Target);

        zip.Entries.Select(e => e.FullName).Should().Equal("progress.json", "weights", "raw", "empty", "manifest.json", "manifest.sha256");
        zip.Entries.Should().OnlyContain(e => e.CompressedLength == e.Length);
    }

    [Fact]
    public void Equal_contents_give_equal_bytes()
    {
        Write();
        var first = File.ReadAllBytes(Target);

        Write();

        File.ReadAllBytes(Target).Should().Equal(first);
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        Write();
        var whole = File.ReadAllBytes(Target);
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Target, whole[..length]);

            var open = () => CheckpointReader.Open(Target);

            open.Should().Throw<InvalidDataException>($"{length} bytes").WithMessage($"'{Target}'*");
        }
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_noticed_or_harmless()
    {
        Write();
        var bytes = File.ReadAllBytes(Target);
        var noticed = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            var bit = (byte)(1 << (i % 8));
            bytes[i] ^= bit;
            File.WriteAllBytes(Target, bytes);
            bytes[i] ^= bit;
            try
            {
                using var reader = CheckpointReader.Open(Target);
                IsIntact(reader).Should().BeTrue($"bit {bit} of byte {i}");
            }
            catch (InvalidDataException e)
            {
                e.Message.Should().StartWith($"'{Target}'");
                noticed++;
            }
        }

        noticed.Should().BeGreaterThan(bytes.Length / 2);
    }

    [Fact]
    public void Random_damage_is_noticed_or_harmless()
    {
        Write();
        var whole = File.ReadAllBytes(Target);
        var random = new Random(1);
        for (var i = 0; i < 500; i++)
        {
            var bytes = whole.ToArray();
            var start = random.Next(bytes.Length);
            random.NextBytes(bytes.AsSpan(start, random.Next(1, Math.Min(100, bytes.Length - start) + 1)));
            File.WriteAllBytes(Target, bytes);
            try
            {
                using var reader = CheckpointReader.Open(Target);
                IsIntact(reader).Should().BeTrue();
            }
            catch (InvalidDataException e)
            {
                e.Message.Should().StartWith($"'{Target}'");
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a zip at all")]
    public void A_foreign_file_is_refused(string contents)
    {
        File.WriteAllText(Target, contents);

        Refused("*");
    }

    [Fact]
    public void A_foreign_zip_is_refused()
    {
        Zip(("readme.txt", "hello"));

        Refused("*no entry 'manifest.json'*another kind*");
    }

    [Fact]
    public void A_manifest_of_something_else_is_refused()
    {
        const string Manifest = """{ "format": "browser extension", "version": 3 }""";
        Zip(("manifest.json", Manifest), ("manifest.sha256", Encoding.ASCII.GetString(CheckpointManifest.HashOf(Encoding.UTF8.GetBytes(Manifest)))));

        Refused("*the format should be 'MultiTask checkpoint'. Found 'browser extension'.");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{ "format": 3 }""")]
    [InlineData("""{ "format": "MultiTask checkpoint", "version": "1" }""")]
    public void A_manifest_without_the_fields_is_refused(string manifest)
    {
        Zip(("manifest.json", manifest), ("manifest.sha256", Encoding.ASCII.GetString(CheckpointManifest.HashOf(Encoding.UTF8.GetBytes(manifest)))));

        Refused("*");
    }

    [Fact]
    public void A_newer_version_is_refused()
    {
        CheckpointWriter.Write(Target, writer => writer.Bytes("raw", Raw), version: 2);

        Refused($"'{Target}' cannot be read as a checkpoint: it was written by a newer version 2 of the format (MultiTask {CheckpointManifest.LibraryVersion})*reads up to 1.");
    }

    [Fact]
    public void A_missing_entry_is_named()
    {
        Write();
        using (var zip = ZipFile.Open(Target, ZipArchiveMode.Update))
        {
            zip.GetEntry("raw")!.Delete();
        }

        Refused("*the entries should be *raw*. Found *");
    }

    [Fact]
    public void An_entry_that_was_changed_is_named()
    {
        Write();
        using (var zip = ZipFile.Open(Target, ZipArchiveMode.Update))
        {
            using var stream = zip.GetEntry("raw")!.Open();
            stream.WriteByte(99);
        }

        Refused("*'raw' is damaged*");
    }

    [Fact]
    public void An_added_entry_is_refused()
    {
        Write();
        using (var zip = ZipFile.Open(Target, ZipArchiveMode.Update))
        {
            zip.CreateEntry("extra");
        }

        Refused("*Found *extra*");
    }

    [Fact]
    public void A_missing_file_is_no_damaged_file()
    {
        var open = () => CheckpointReader.Open(Target);

        open.Should().Throw<FileNotFoundException>();
    }

    [Fact]
    public void Asking_for_what_is_not_there_says_what_is()
    {
        Write();
        using var reader = CheckpointReader.Open(Target);

        var missing = () => reader.Bytes("other");
        var foreign = () => reader.Json<Document>("raw");
        var tensors = () => reader.Tensors("raw");

        missing.Should().Throw<InvalidDataException>().WithMessage($"'{Target}' has no entry 'other'. Found 'progress.json', 'weights', 'raw', 'empty'.");
        foreign.Should().Throw<InvalidDataException>().WithMessage($"'{Target}', entry 'raw' is not the document*");
        tensors.Should().Throw<InvalidDataException>().WithMessage($"'{Target}', entry 'raw': *");
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("manifest.json")]
    [InlineData("manifest.sha256")]
    public void A_name_can_be_taken_once(string name)
    {
        Write();
        var before = File.ReadAllBytes(Target);

        var write = () => CheckpointWriter.Write(Target, writer =>
        {
            writer.Bytes("raw", Raw);
            writer.Bytes(name, Raw);
        });

        write.Should().Throw<ArgumentException>().WithMessage($"*'{name}' twice*");
        File.ReadAllBytes(Target).Should().Equal(before, "a failed save leaves the old file");
    }

    [Fact]
    public void A_failure_while_an_entry_is_written_leaves_the_old_file()
    {
        Write();

        var write = () => CheckpointWriter.Write(Target, writer => writer.Stream("raw", stream =>
        {
            stream.Write(Raw);
            throw new ArithmeticException();
        }));

        write.Should().Throw<ArithmeticException>();
        Directory.GetFileSystemEntries(directory.Path).Should().Equal(Target);
        using var reader = CheckpointReader.Open(Target);
        IsIntact(reader).Should().BeTrue();
    }

    [Fact]
    public void A_file_that_is_open_can_be_replaced()
    {
        Write();
        using var reader = CheckpointReader.Open(Target);

        CheckpointWriter.Write(Target, _ => { });

        IsIntact(reader).Should().BeTrue();
    }

    [Fact]
    public void No_tensor_stays_behind() => LiveTensors.ShouldStayTheSame(() =>
    {
        Write();
        using var reader = CheckpointReader.Open(Target);
        foreach (var tensor in reader.Tensors("weights").Values)
        {
            tensor.Dispose();
        }
    });

    private void Write() => CheckpointWriter.Write(
        Target,
        writer =>
        {
            writer.Json("progress.json", Progress);
            writer.Tensors("weights", weights);
            writer.Bytes("raw", Raw);
            writer.Stream("empty", _ => { });
        },
        new Dictionary<string, string> { ["created"] = "a test" });

    private bool IsIntact(CheckpointReader reader)
    {
        using var tensors = NewDisposeScope();
        var loaded = reader.Tensors("weights");
        return reader.Version == 1
            && reader.Library == CheckpointManifest.LibraryVersion
            && reader.Info.SequenceEqual([new("created", "a test")])
            && reader.Names.SequenceEqual(["progress.json", "weights", "raw", "empty"])
            && reader.Json<Document>("progress.json") is var (epoch, best, losses)
            && epoch == Progress.Epoch && best.Equals(Progress.Best) && losses.SequenceEqual(Progress.Losses)
            && loaded.Count == 2 && loaded["w"].Equals(weights["w"]) && loaded["n"].Equals(weights["n"])
            && reader.Bytes("raw").AsSpan().SequenceEqual(Raw)
            && reader.Bytes("empty").Length == 0;
    }

    private void Refused(string message)
    {
        var open = () => CheckpointReader.Open(Target);

        open.Should().Throw<InvalidDataException>().WithMessage(message).WithMessage($"'{Target}'*");
    }

    private void Zip(params (string Name, string Text)[] entries)
    {
        using var zip = ZipFile.Open(Target, ZipArchiveMode.Create);
        foreach (var (name, text) in entries)
        {
            using var stream = zip.CreateEntry(name).Open();
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
    }

    private sealed record Document(int Epoch, double Best, double[] Losses);
}
