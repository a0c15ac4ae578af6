using System.Text;

namespace MultiTask.Tests.NativeLoad;

/// <summary>
/// The smallest shared library that says what the dynamic loader wants to know: it requires <see cref="Version"/> of
/// <see cref="Library"/> for its symbol 2, and a lower version for symbol 1, which a relocation uses.
/// </summary>
internal sealed class TinyElf
{
    public const string Library = "libstdc++.so.6";
    public const string Version = "GLIBCXX_3.4.32";
    public const string UsedVersion = "GLIBCXX_3.4.30";

    /// <summary>The machine, EM_X86_64 by default.</summary>
    public ushort Machine { get; init; } = 62;

    /// <summary>The flags of the requirement.</summary>
    public ushort Flags { get; init; }

    /// <summary>The symbols that the relocations name, in each of the tables.</summary>
    public uint[] Rela { get; init; } = [1];

    public uint[] Rel { get; init; } = [];

    public uint[] Plt { get; init; } = [];

    public bool PltIsRela { get; init; } = true;

    /// <summary>Whether there is a list of required versions at all.</summary>
    public bool HasVersionNeeds { get; init; } = true;

    public byte[] Build()
    {
        const int headerSize = 64, programHeaderSize = 56, programHeaders = 2;
        const long address = 0x10000; // of the first byte in the file
        var body = new List<byte>(new byte[headerSize + programHeaderSize * programHeaders]);
        var strings = new List<byte> { 0 };
        var dynamic = new List<(long Tag, long Value)>();

        uint String(string text)
        {
            var index = (uint)strings.Count;
            strings.AddRange(Encoding.ASCII.GetBytes(text + "\0"));
            return index;
        }

        long Here() => address + body.Count;

        dynamic.Add((6, Here())); // DT_SYMTAB
        foreach (var name in new uint[] { 0, String("used"), String("unused") })
            Add(body, U32(name), new byte[20]);

        dynamic.Add((0x6ffffff0, Here())); // DT_VERSYM
        Add(body, U16(0), U16(2), U16(3), U16(0));

        if (HasVersionNeeds)
        {
            dynamic.Add((0x6fffffff, 2)); // DT_VERNEEDNUM
            dynamic.Add((0x6ffffffe, Here())); // DT_VERNEED
            Add(body, U16(1), U16(1), U32(String("libc.so.6")), U32(16), U32(32));
            Add(body, U32(0), U16(0), U16(4), U32(String(Version)), U32(0)); // of another library: not meant
            Add(body, U16(1), U16(2), U32(String(Library)), U32(16), U32(0));
            Add(body, U32(0), U16(0), U16(2), U32(String(UsedVersion)), U32(16));
            Add(body, U32(0), U16(Flags), U16(3), U32(String(Version)), U32(0));
        }

        AddRelocations(7, 8, Rela, withAddend: true);                // DT_RELA, DT_RELASZ
        AddRelocations(17, 18, Rel, withAddend: false);              // DT_REL, DT_RELSZ
        AddRelocations(23, 2, Plt, withAddend: PltIsRela);           // DT_JMPREL, DT_PLTRELSZ
        if (Plt.Length > 0)
            dynamic.Add((20, PltIsRela ? 7 : 17));                   // DT_PLTREL

        void AddRelocations(long tag, long sizeTag, uint[] symbols, bool withAddend)
        {
            if (symbols.Length == 0)
                return;
            var start = Here();
            foreach (var symbol in symbols)
                Add(body, U64(0), U32(1), U32(symbol), withAddend ? U64(0) : []);
            dynamic.Add((tag, start));
            dynamic.Add((sizeTag, Here() - start));
        }

        dynamic.Add((5, Here())); // DT_STRTAB
        dynamic.Add((10, strings.Count)); // DT_STRSZ
        Add(body, strings.ToArray());

        dynamic.Add((0, 0));
        var dynamicStart = body.Count;
        foreach (var (tag, value) in dynamic)
            Add(body, U64(tag), U64(value));

        var sections = body.Count;
        Add(body, new byte[64]); // one empty section header

        var file = body.ToArray();
        byte[] header =
        [
            0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            .. U16(3), .. U16(Machine), .. U32(1), .. U64(0), .. U64(headerSize), .. U64(sections),
            .. U32(0), .. U16(headerSize), .. U16(programHeaderSize), .. U16(programHeaders), .. U16(64), .. U16(1), .. U16(0),
            .. ProgramHeader(1, 0, file.Length),                                // PT_LOAD
            .. ProgramHeader(2, dynamicStart, sections - dynamicStart),         // PT_DYNAMIC
        ];
        header.CopyTo(file, 0);
        return file;

        static byte[] ProgramHeader(uint type, long offset, long size) =>
            [.. U32(type), .. U32(4), .. U64(offset), .. U64(address + offset), .. U64(0), .. U64(size), .. U64(size), .. U64(8)];
    }

    private static void Add(List<byte> body, params byte[][] parts)
    {
        foreach (var part in parts)
            body.AddRange(part);
    }

    private static byte[] U16(int value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] U32(uint value) => [.. U16((ushort)value), .. U16((ushort)(value >> 16))];

    private static byte[] U64(long value) => [.. U32((uint)value), .. U32((uint)(value >> 32))];
}
