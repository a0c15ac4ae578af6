using System.Text;
using FluentAssertions;
using MultiTask.Training;

namespace MultiTask.Tests.Training;

public sealed class RowFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private string Target => directory.File("rows.txt");

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_row_is_in_the_file_while_it_is_still_open()
    {
        using var file = new RowFile(Target, append: false);
        file.IsEmpty.Should().BeTrue();
        file.Append("one\n"u8);
        Text().Should().Be("one\n");
        file.Append("two\n"u8);
        Text().Should().Be("one\ntwo\n");
        file.IsEmpty.Should().BeFalse();
        using var reader = new StreamReader(file.OpenRead());
        reader.ReadLine().Should().Be("one");
    }

    [Fact]
    public void A_new_file_replaces_an_old_one()
    {
        File.WriteAllText(Target, "old, and longer\n");
        using var file = new RowFile(Target, append: false);
        Text().Should().BeEmpty();
        file.Append("new\n"u8);
        Text().Should().Be("new\n");
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("a\n", "a\n")]
    [InlineData("a\nb\n", "a\nb\n")]
    [InlineData("a\nto", "a\n")]
    [InlineData("to", "")]
    public void Appending_keeps_whole_rows_and_cuts_off_a_torn_one(string before, string kept)
    {
        File.WriteAllText(Target, before);
        using var file = new RowFile(Target, append: true);
        file.IsEmpty.Should().Be(kept.Length == 0);
        file.Append("c\n"u8);
        Text().Should().Be(kept + "c\n");
    }

    [Theory]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(10000)]
    public void The_last_row_is_found_however_far_back_its_end_is(int torn)
    {
        var whole = new string('a', 5000) + "\n";
        File.WriteAllText(Target, whole + new string('b', torn));
        using var file = new RowFile(Target, append: true);
        Text().Should().Be(whole);
    }

    [Fact]
    public void Appending_to_no_file_makes_one()
    {
        using var file = new RowFile(Target, append: true);
        file.Append("a\n"u8);
        Text().Should().Be("a\n");
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_refused_at_once()
    {
        FluentActions.Invoking(() => new RowFile(directory.File("none/rows.txt"), append: false)).Should().Throw<DirectoryNotFoundException>().WithMessage("*none*rows.txt*");
        FluentActions.Invoking(() => new RowFile(directory.Path, append: false)).Should().Throw<UnauthorizedAccessException>().WithMessage($"*{directory.Path}*");
    }

    [Fact]
    public void A_full_disk_is_an_error()
    {
        const string Full = "/dev/full"; // Linux's disk that is always full
        if (File.Exists(Full))
        {
            using var file = new RowFile(Full, append: false);
            file.Invoking(f => f.Append("a\n"u8)).Should().Throw<IOException>();
            file.IsEmpty.Should().BeTrue();
        }
    }

    private string Text()
    {
        using var reader = new StreamReader(new FileStream(Target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
