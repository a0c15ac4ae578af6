using System.Buffers.Binary;
using FluentAssertions;
using Xunit;

namespace MultiTask.Tests.NativeLoad;

public class ElfVersionNeedTests
{
    private const string Library = TinyElf.Library;
    private const string Version = TinyElf.Version;

    private static WeakenOutcome Weaken(byte[] data, string version = Version) =>
        ElfVersionNeed.Weaken(data, Library, version, out _);

    /// <summary>The law: never an exception, one flag set in a file that was weakened, not a byte changed in any other.</summary>
    private static WeakenOutcome WeakenLawfully(byte[] data)
    {
        var before = data.ToArray();
        var outcome = Weaken(data);
        if (outcome == WeakenOutcome.Weakened)
        {
            var changed = before.AsSpan().CommonPrefixLength(data);
            data[changed].Should().Be((byte)(before[changed] | 2));
            data[changed] = before[changed];
            data.AsSpan().SequenceEqual(before).Should().BeTrue();
            data[changed] |= 2;
        }
        else
        {
            data.AsSpan().SequenceEqual(before).Should().BeTrue();
        }

        return outcome;
    }

    // ---- the file of the package -----------------------------------------------------------------------------------

    private static readonly Lazy<byte[]> Package = new(() => File.ReadAllBytes(
        Path.Combine(Repository.TorchSharpPackage, "runtimes", "linux-x64", "native", "libLibTorchSharp.so")));

    [Fact]
    public void TorchSharps_library_is_weakened_by_one_byte_and_only_once()
    {
        var data = Package.Value.ToArray();

        WeakenLawfully(data).Should().Be(WeakenOutcome.Weakened);
        WeakenLawfully(data).Should().Be(WeakenOutcome.AlreadyWeak);
    }

    [Theory]
    [InlineData("GLIBCXX_3.4.29")]
    [InlineData("GLIBCXX_3.4.30")]
    public void TorchSharps_library_keeps_the_versions_that_it_uses(string version)
    {
        var data = Package.Value.ToArray();

        ElfVersionNeed.Weaken(data, Library, version, out var detail).Should().Be(WeakenOutcome.InUse);
        detail.Should().StartWith("a relocation uses _Z");
        data.AsSpan().SequenceEqual(Package.Value).Should().BeTrue();
    }

    [Theory]
    [InlineData(Library, "GLIBCXX_3.4.33")]
    [InlineData(Library, "GLIBCXX_3.4.3")]
    [InlineData("libm.so.6", Version)]
    public void TorchSharps_library_does_not_need(string library, string version) =>
        ElfVersionNeed.Weaken(Package.Value.ToArray(), library, version, out _).Should().Be(WeakenOutcome.NotNeeded);

    [Fact]
    public void TorchSharps_library_cut_off_anywhere_is_malformed()
    {
        var whole = Package.Value;
        var random = new Random(20);
        int[] lengths = [64, 65, 4096, whole.Length / 2, whole.Length - 1, .. Enumerable.Range(0, 60).Select(_ => random.Next(64, whole.Length))];
        foreach (var length in lengths)
            WeakenLawfully(whole[..length]).Should().Be(WeakenOutcome.Malformed, "only {0} bytes are left", length);
    }

    // ---- small files -----------------------------------------------------------------------------------------------

    [Fact]
    public void Unused_requirement_becomes_weak() =>
        WeakenLawfully(new TinyElf().Build()).Should().Be(WeakenOutcome.Weakened);

    [Fact]
    public void Unused_requirement_becomes_weak_on_AArch64() =>
        WeakenLawfully(new TinyElf { Machine = 183 }.Build()).Should().Be(WeakenOutcome.Weakened);

    [Fact]
    public void Other_flags_are_kept()
    {
        var data = new TinyElf { Flags = 1 }.Build();

        WeakenLawfully(data).Should().Be(WeakenOutcome.Weakened);
        data.Should().Equal(new TinyElf { Flags = 3 }.Build());
    }

    [Fact]
    public void Weak_requirement_stays_weak() =>
        WeakenLawfully(new TinyElf { Flags = 2 }.Build()).Should().Be(WeakenOutcome.AlreadyWeak);

    public static TheoryData<string, byte[]> FilesThatUseTheVersion => new()
    {
        { "rela", new TinyElf { Rela = [1, 0, 2] }.Build() },
        { "rel", new TinyElf { Rel = [1, 2] }.Build() },
        { "plt with addends", new TinyElf { Plt = [1, 2] }.Build() },
        { "plt without addends", new TinyElf { Plt = [1, 1, 2], PltIsRela = false }.Build() },
    };

    [Theory]
    [MemberData(nameof(FilesThatUseTheVersion))]
    public void Used_requirement_is_left_alone_and_the_symbol_named(string table, byte[] data)
    {
        ElfVersionNeed.Weaken(data, Library, Version, out var detail).Should().Be(WeakenOutcome.InUse, table);
        detail.Should().Be("a relocation uses unused");
    }

    [Fact]
    public void Version_that_is_not_required_is_not_needed()
    {
        Weaken(new TinyElf().Build(), "GLIBCXX_3.4.31").Should().Be(WeakenOutcome.NotNeeded);
        Weaken(new TinyElf { HasVersionNeeds = false }.Build()).Should().Be(WeakenOutcome.NotNeeded);
    }

    public static TheoryData<string, byte[]> FilesOfOtherKinds
    {
        get
        {
            return new()
            {
                { "empty", [] },
                { "text", "not an ELF file, though it is long enough to be the header of one: it has 64 bytes"u8.ToArray() },
                { "magic number only", [0x7f, (byte)'E', (byte)'L', (byte)'F'] },
                { "32 bit", With(4, 1) },
                { "big-endian", With(5, 2) },
                { "MIPS", With(18, 8) },
            };

            static byte[] With(int offset, byte value)
            {
                var data = new TinyElf().Build();
                data[offset] = value;
                return data;
            }
        }
    }

    [Theory]
    [MemberData(nameof(FilesOfOtherKinds))]
    public void Other_files_are_recognised(string kind, byte[] data) =>
        WeakenLawfully(data).Should().Be(WeakenOutcome.NotElf64, kind);

    [Fact]
    public void Small_file_cut_off_anywhere_is_malformed()
    {
        var whole = new TinyElf { Rel = [1], Plt = [1] }.Build();
        for (var length = 0; length < whole.Length; length++)
            WeakenLawfully(whole[..length]).Should().Be(length < 64 ? WeakenOutcome.NotElf64 : WeakenOutcome.Malformed);
    }

    // ---- damage ----------------------------------------------------------------------------------------------------

    [Fact]
    public async Task Damaged_bytes_never_break_the_law()
    {
        var whole = new TinyElf { Rel = [1], Plt = [1] }.Build();
        var random = new Random(4);
        await InTime(() =>
        {
            for (var round = 0; round < 20_000; round++)
            {
                var data = whole.ToArray();
                for (var count = random.Next(1, 6); count > 0; count--)
                    data[random.Next(data.Length)] = (byte)random.Next(256);
                WeakenLawfully(data);
            }
        });
    }

    [Fact]
    public async Task Extreme_numbers_never_break_the_law()
    {
        var whole = new TinyElf { Rel = [1], Plt = [1] }.Build();
        long[] extremes = [0, 1, -1, 15, 16, whole.Length, int.MaxValue, uint.MaxValue, long.MaxValue, long.MinValue];
        await InTime(() =>
        {
            for (var offset = 16; offset <= whole.Length - 8; offset++)
            {
                foreach (var extreme in extremes)
                {
                    var wide = whole.ToArray();
                    BinaryPrimitives.WriteInt64LittleEndian(wide.AsSpan(offset), extreme);
                    WeakenLawfully(wide);

                    var narrow = whole.ToArray();
                    BinaryPrimitives.WriteInt32LittleEndian(narrow.AsSpan(offset), unchecked((int)extreme));
                    WeakenLawfully(narrow);
                }
            }
        });
    }

    [Fact]
    public async Task Damage_to_TorchSharps_library_never_breaks_the_law()
    {
        var whole = Package.Value;
        var random = new Random(32);
        await InTime(() =>
        {
            for (var round = 0; round < 40; round++)
            {
                var data = whole.ToArray();
                for (var count = 0; count < 3; count++)
                {
                    // Program headers, version tables and relocations lie at the beginning of the file.
                    data[random.Next(64, 64 + 10 * 56)] = (byte)random.Next(256);
                    data[random.Next(0x3df00, 0x4fb38)] = (byte)random.Next(256);
                }

                Weaken(data);
            }
        });
    }

    private static Task InTime(Action action) => Task.Run(action).WaitAsync(TimeSpan.FromMinutes(2));
}
