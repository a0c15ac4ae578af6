// One file, because an inline task is one file. MSBuild compiles it while a project is built; the tests compile the
// same file, with ELF_LOGIC_ONLY defined, for the part below the task.
#nullable enable

using System;
using System.Collections.Generic;
using System.Text;

#if !ELF_LOGIC_ONLY
using System.IO;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>Copies a shared library; one version requirement is weak in the copy, if nothing uses it.</summary>
/// <remarks>The copy is written whatever the outcome: a library that is left as it is, is copied as it is.</remarks>
public sealed class WeakenElfVersionNeed : Task
{
    [Required] public string Source { get; set; } = "";

    [Required] public string Destination { get; set; } = "";

    /// <summary>The library that is asked for the version, "libstdc++.so.6".</summary>
    [Required] public string Library { get; set; } = "";

    [Required] public string Version { get; set; } = "";

    /// <summary>The project that is built, for the log.</summary>
    [Required] public string Project { get; set; } = "";

    public override bool Execute()
    {
        var data = File.ReadAllBytes(Source);
        var outcome = ElfVersionNeed.Weaken(data, Library, Version, out var detail);
        WriteAtomically(data);

        var file = Path.GetFileName(Source);
        switch (outcome)
        {
            case WeakenOutcome.Weakened:
                Log.LogMessage(MessageImportance.High, "{0}: {1}: the unused requirement {2} is weak in the copy in obj/ (off: MultiTaskRelaxGlibcxx=false)", Project, file, Version);
                break;
            case WeakenOutcome.InUse:
            case WeakenOutcome.Malformed:
                Log.LogMessage(MessageImportance.High, "{0}: {1}: the requirement {2} stays as it is: {3}", Project, file, Version, detail);
                break;
            default:
                Log.LogMessage(MessageImportance.Low, "{0}: {1}: {2}: {3}", Project, file, Version, outcome);
                break;
        }

        return true;
    }

    /// <summary>A build beside this one sees the whole file or none, and what links to an older copy keeps it.</summary>
    private void WriteAtomically(byte[] data)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Destination)!);
        var temporary = Destination + "." + Guid.NewGuid().ToString("N") + ".tmp";
        try
        {
            File.WriteAllBytes(temporary, data);
            if (File.Exists(Destination))
                File.Replace(temporary, Destination, null);
            else
                File.Move(temporary, Destination);
        }
        catch (IOException) when (File.Exists(temporary) && File.Exists(Destination))
        {
            // Another build was faster. Its copy is of the same source.
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
#endif

/// <summary>What <see cref="ElfVersionNeed.Weaken"/> found. Only <see cref="Weakened"/> changes data.</summary>
internal enum WeakenOutcome
{
    /// <summary>The requirement was strong and unused; now it is weak.</summary>
    Weakened,

    /// <summary>The requirement is weak already.</summary>
    AlreadyWeak,

    /// <summary>The file does not require that version.</summary>
    NotNeeded,

    /// <summary>The file is no 64-bit little-endian ELF file for x86-64 or AArch64.</summary>
    NotElf64,

    /// <summary>A relocation refers to a symbol of that version.</summary>
    InUse,

    /// <summary>The file is damaged or cut off.</summary>
    Malformed,
}

/// <summary>Makes one symbol version requirement of a shared library weak, after proof that nothing uses it.</summary>
/// <remarks>
/// <para>
/// A library lists the versions that it requires of the libraries it links to ("libstdc++.so.6 must have
/// GLIBCXX_3.4.32"). The dynamic loader refuses a library if a required version is missing, unless the entry has the
/// flag VER_FLG_WEAK. It then binds symbols, and it does so only where a relocation names one: a version that no
/// relocation's symbol has is never looked up, so the requirement says nothing but "refuse".
/// </para>
/// <para>
/// This class reads what the loader reads, the dynamic section and the tables that it points to, and looks at every
/// relocation. (A definition never has a required version, but for copy relocations, which are relocations.) All
/// offsets are checked against the file; a table that leaves it makes the file malformed.
/// Layouts and names are those of the System V ABI and of the Linux Standard Base, section "Symbol Versioning".
/// </para>
/// </remarks>
internal static class ElfVersionNeed
{
    private const ushort WeakFlag = 0x2; // VER_FLG_WEAK

    /// <summary>
    /// Sets VER_FLG_WEAK on the requirement of <paramref name="version"/> from <paramref name="library"/>, in place.
    /// </summary>
    /// <param name="data">The whole file. Changed only if the result is <see cref="WeakenOutcome.Weakened"/>.</param>
    /// <param name="library">The file name of the library that is asked for the version, "libstdc++.so.6".</param>
    /// <param name="version">The name of the version, "GLIBCXX_3.4.32".</param>
    /// <param name="detail">Why the file is left as it is, for people; else empty.</param>
    public static WeakenOutcome Weaken(byte[] data, string library, string version, out string detail)
    {
        detail = "";
        if (!ElfFile.IsSupported(data))
            return WeakenOutcome.NotElf64;

        try
        {
            var file = new ElfFile(data);
            if (FindNeed(file, library, version) is not { } need)
                return WeakenOutcome.NotNeeded;
            if ((need.Flags & WeakFlag) != 0)
                return WeakenOutcome.AlreadyWeak;
            if (FindUse(file, need.Index) is { } symbol)
            {
                detail = "a relocation uses " + symbol;
                return WeakenOutcome.InUse;
            }

            data[need.FlagsOffset] |= (byte)WeakFlag;
            return WeakenOutcome.Weakened;
        }
        catch (MalformedElfException e)
        {
            detail = e.Message;
            return WeakenOutcome.Malformed;
        }
    }

    private readonly struct Need(ushort flags, long flagsOffset, ushort index)
    {
        public ushort Flags { get; } = flags;

        public long FlagsOffset { get; } = flagsOffset;

        /// <summary>The number under which the version symbol table refers to this version.</summary>
        public ushort Index { get; } = index;
    }

    /// <summary>Walks the list of libraries (Elf64_Verneed) and, for the right one, of its versions (Elf64_Vernaux).</summary>
    private static Need? FindNeed(ElfFile file, string library, string version)
    {
        const int verneedSize = 16, vernauxSize = 16;
        if (!file.Has(DynamicTag.VerNeed))
            return null;

        var strings = file.Strings();
        var entry = file.Offset(file[DynamicTag.VerNeed]);
        for (var left = file[DynamicTag.VerNeedCount]; left > 0; left--)
        {
            if (file.StringEquals(strings, file.U32(entry + 4), library))
            {
                var aux = entry + file.U32(entry + 8);
                for (int count = file.U16(entry + 2); count > 0; count--)
                {
                    if (file.StringEquals(strings, file.U32(aux + 8), version))
                        return new Need(file.U16(aux + 4), aux + 4, (ushort)(file.U16(aux + 6) & 0x7fff));
                    if (!Advance(ref aux, file.U32(aux + 12), vernauxSize))
                        break;
                }

                return null;
            }

            if (!Advance(ref entry, file.U32(entry + 12), verneedSize))
                break;
        }

        return null;

        // Always forward, or a damaged list would never end.
        static bool Advance(ref long offset, uint next, int size)
        {
            if (next != 0 && next < size)
                throw new MalformedElfException("entries of the version list overlap");
            offset += next;
            return next != 0;
        }
    }

    /// <summary>The first symbol of the version <paramref name="index"/> that a relocation names, or null.</summary>
    private static string? FindUse(ElfFile file, ushort index)
    {
        const int symbolSize = 24, versionSize = 2, relSize = 16, relaSize = 24;
        var symbols = file.Offset(file[DynamicTag.SymbolTable]);
        var versions = file.Offset(file[DynamicTag.VersionTable]);
        var strings = file.Strings();

        var pltHasRel = file.Has(DynamicTag.PltKind) && file[DynamicTag.PltKind] == (long)DynamicTag.Rel;
        return FindIn(DynamicTag.Rela, DynamicTag.RelaSize, relaSize)
            ?? FindIn(DynamicTag.Rel, DynamicTag.RelSize, relSize)
            ?? FindIn(DynamicTag.PltRelocations, DynamicTag.PltSize, pltHasRel ? relSize : relaSize);

        string? FindIn(DynamicTag table, DynamicTag tableSize, int entrySize)
        {
            if (!file.Has(table))
                return null;
            var size = file[tableSize];
            if (size % entrySize != 0)
                throw new MalformedElfException("a relocation table has a broken entry");
            var start = file.Offset(file[table], size);
            for (var relocation = start; relocation < start + size; relocation += entrySize)
            {
                var symbol = file.U32(relocation + 12); // the upper half of r_info
                if (symbol != 0 && (file.U16(versions + (long)symbol * versionSize) & 0x7fff) == index)
                    return file.String(strings, file.U32(symbols + (long)symbol * symbolSize));
            }

            return null;
        }
    }

    /// <summary>Tags of the dynamic section (d_tag) that matter here.</summary>
    private enum DynamicTag : long
    {
        PltSize = 2,                 // DT_PLTRELSZ
        StringTable = 5,             // DT_STRTAB
        SymbolTable = 6,             // DT_SYMTAB
        Rela = 7,                    // DT_RELA
        RelaSize = 8,                // DT_RELASZ
        StringTableSize = 10,        // DT_STRSZ
        Rel = 17,                    // DT_REL
        RelSize = 18,                // DT_RELSZ
        PltKind = 20,                // DT_PLTREL: DT_REL or DT_RELA
        PltRelocations = 23,         // DT_JMPREL
        VersionTable = 0x6ffffff0,   // DT_VERSYM
        VerNeed = 0x6ffffffe,        // DT_VERNEED
        VerNeedCount = 0x6fffffff,   // DT_VERNEEDNUM
    }

    /// <summary>A file as the dynamic loader sees it. Whatever it reads lies inside the file, or it throws.</summary>
    private sealed class ElfFile
    {
        private readonly byte[] bytes;
        private readonly List<(long Address, long Offset, long Size)> segments = [];
        private readonly Dictionary<DynamicTag, long> entries = [];

        public static bool IsSupported(byte[] data) =>
            data.Length >= 64
            && data[0] == 0x7f && data[1] == 'E' && data[2] == 'L' && data[3] == 'F'
            && data[4] == 2 && data[5] == 1                         // ELFCLASS64, ELFDATA2LSB
            && (data[18] == 62 || data[18] == 183) && data[19] == 0; // EM_X86_64, EM_AARCH64

        public ElfFile(byte[] data)
        {
            bytes = data;

            // The loader does without section headers. They come last, so a file that was cut off lacks some.
            Check(I64(0x28), (long)U16(0x3A) * U16(0x3C));

            ReadSegments(out var dynamicOffset, out var dynamicSize);
            for (var entry = dynamicOffset; entry < dynamicOffset + dynamicSize; entry += 16)
            {
                var tag = I64(entry);
                if (tag == 0)
                    break;
                entries[(DynamicTag)tag] = I64(entry + 8);
            }
        }

        private void ReadSegments(out long dynamicOffset, out long dynamicSize)
        {
            const int programHeaderSize = 56, load = 1, dynamic = 2; // PT_LOAD, PT_DYNAMIC
            dynamicOffset = dynamicSize = 0;
            if (U16(0x36) != programHeaderSize)
                throw new MalformedElfException("program headers have an unknown size");

            var header = I64(0x20);
            for (int count = U16(0x38); count > 0; count--, header += programHeaderSize)
            {
                var type = U32(header);
                if (type != load && type != dynamic)
                    continue;
                var (offset, address, size) = (I64(header + 8), I64(header + 16), I64(header + 32));
                Check(offset, size);
                if (type == load)
                    segments.Add((address, offset, size));
                else
                    (dynamicOffset, dynamicSize) = (offset, size);
            }
        }

        public bool Has(DynamicTag tag) => entries.ContainsKey(tag);

        public long this[DynamicTag tag] =>
            entries.TryGetValue(tag, out var value) ? value : throw new MalformedElfException("the dynamic section lacks " + tag);

        /// <summary>Where in the file the loader takes the bytes from that it puts at an address.</summary>
        public long Offset(long address, long size = 1)
        {
            foreach (var segment in segments)
            {
                var inside = unchecked(address - segment.Address);
                if (inside >= 0 && inside < segment.Size && size >= 0 && size <= segment.Size - inside)
                    return segment.Offset + inside;
            }

            throw new MalformedElfException("an address is outside the file");
        }

        public (long Start, long End) Strings()
        {
            var size = this[DynamicTag.StringTableSize];
            var start = Offset(this[DynamicTag.StringTable], size);
            return (start, start + size);
        }

        public bool StringEquals((long Start, long End) strings, uint index, string text)
        {
            var start = strings.Start + index;
            if (start + text.Length >= strings.End)
                return false;
            for (var i = 0; i < text.Length; i++)
                if (bytes[start + i] != text[i])
                    return false;
            return bytes[start + text.Length] == 0;
        }

        public string String((long Start, long End) strings, uint index)
        {
            var text = new StringBuilder();
            for (var i = strings.Start + index; i < strings.End && bytes[i] != 0; i++)
                text.Append((char)bytes[i]);
            return text.ToString();
        }

        public ushort U16(long offset)
        {
            Check(offset, 2);
            return (ushort)(bytes[offset] | bytes[offset + 1] << 8);
        }

        public uint U32(long offset) => U16(offset) | (uint)U16(offset + 2) << 16;

        public long I64(long offset) => U32(offset) | (long)U32(offset + 4) << 32;

        private void Check(long offset, long size)
        {
            if (offset < 0 || size < 0 || offset > bytes.Length - size)
                throw new MalformedElfException("the file is cut off, or an offset in it is wrong");
        }
    }

    private sealed class MalformedElfException(string message) : Exception(message);
}
