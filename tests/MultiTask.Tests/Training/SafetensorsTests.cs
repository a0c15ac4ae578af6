using System.Buffers.Binary;
using System.Text;
using FluentAssertions;
using MultiTask.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

public sealed class SafetensorsTests : IDisposable
{
    /// <summary>Built by the specification, by hand: the header's length, the header and spaces up to 8 bytes, the elements.</summary>
    private static readonly byte[] Golden =
    [
        0x90, 0, 0, 0, 0, 0, 0, 0,
        .. Encoding.UTF8.GetBytes(
            """{"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}    """),
        0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x20, 0xC0,
    ];

    private readonly TemporaryDirectory directory = new();
    private readonly DisposeScope scope = NewDisposeScope();

    private string Target => directory.File("file.safetensors");

    public void Dispose()
    {
        scope.Dispose();
        directory.Dispose();
    }

    [Fact]
    public void Writes_what_the_specification_says()
    {
        using var stream = new MemoryStream();

        Safetensors.Save(
            stream,
            new Dictionary<string, Tensor> { ["w"] = tensor(new[,] { { 1f, -2.5f } }), ["n"] = tensor(-2L) },
            new Dictionary<string, string> { ["format"] = "pt" });

        stream.ToArray().Should().Equal(Golden);
    }

    [Fact]
    public void Reads_what_the_specification_says()
    {
        var loaded = Safetensors.Load(new MemoryStream(Golden));

        loaded.Keys.Should().BeEquivalentTo("n", "w");
        loaded["n"].Equals(tensor(-2L)).Should().BeTrue();
        loaded["w"].Equals(tensor(new[,] { { 1f, -2.5f } })).Should().BeTrue();
    }

    [Fact]
    public void Reads_the_header_alone()
    {
        var header = Safetensors.ReadHeader(new MemoryStream(Golden));

        header.Metadata.Should().Equal(new Dictionary<string, string> { ["format"] = "pt" });
        header.Tensors.Should().SatisfyRespectively(
            n => n.Should().BeEquivalentTo(new { Name = "n", Type = ScalarType.Int64, Shape = Array.Empty<long>(), Offset = 0, Length = 8 }),
            w => w.Should().BeEquivalentTo(new { Name = "w", Type = ScalarType.Float32, Shape = new long[] { 1, 2 }, Offset = 8, Length = 8 }));
    }

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int16)]
    [InlineData(ScalarType.Int8)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Bool)]
    public void Every_type_and_shape_comes_back_exactly(ScalarType type)
    {
        var numbers = (randn(4, 3, 2) * 50).to(type);
        Dictionary<string, Tensor> tensors = new()
        {
            ["matrix"] = numbers,
            ["scalar"] = numbers[1, 1, 1],
            ["empty"] = zeros([3, 0, 2], dtype: type),
            ["one"] = numbers[0, 0, 0].reshape(1, 1, 1, 1),
            ["transposed"] = numbers.transpose(0, 2),
            ["strided"] = numbers.slice(0, 1, 4, 2),
            ["expanded"] = numbers[0, 0, 0].expand(5, 7),
            ["naïve.ключ \"quoted\" \\ / <&>"] = numbers.flip(0),
        };

        Safetensors.Save(Target, tensors);
        var loaded = Safetensors.Load(Target);

        loaded.Keys.Should().BeEquivalentTo(tensors.Keys);
        foreach (var (name, expected) in tensors)
        {
            loaded[name].dtype.Should().Be(type);
            loaded[name].shape.Should().Equal(expected.shape);
            loaded[name].Equals(expected).Should().BeTrue(name);
        }
    }

    [Fact]
    public void Special_numbers_keep_their_bits()
    {
        int[] bits = [0x7FC00000, 0x7FC12345, unchecked((int)0xFF800000), 0x7F800000, int.MinValue, 1];
        var numbers = tensor(Array.ConvertAll(bits, BitConverter.Int32BitsToSingle));

        Safetensors.Save(Target, new Dictionary<string, Tensor> { ["x"] = numbers });

        Array.ConvertAll(Safetensors.Load(Target)["x"].data<float>().ToArray(), BitConverter.SingleToInt32Bits).Should().Equal(bits);
    }

    [Fact]
    public void A_tensor_larger_than_any_buffer_comes_back()
    {
        var numbers = randn(1_000_003);

        Safetensors.Save(Target, new Dictionary<string, Tensor> { ["x"] = numbers, ["y"] = numbers.@double() });

        var loaded = Safetensors.Load(Target);
        loaded["x"].Equals(numbers).Should().BeTrue();
        loaded["y"].Equals(numbers.@double()).Should().BeTrue();
    }

    [Fact]
    public void Parameters_that_want_gradients_are_saved_as_they_are()
    {
        var parameter = randn(3).requires_grad_();

        Safetensors.Save(Target, new Dictionary<string, Tensor> { ["p"] = parameter });

        var loaded = Safetensors.Load(Target)["p"];
        loaded.requires_grad.Should().BeFalse();
        loaded.Equals(parameter.detach()).Should().BeTrue();
    }

    [Fact]
    public void Equal_contents_give_equal_bytes_in_any_order()
    {
        KeyValuePair<string, Tensor>[] tensors = [new("a", ones(3)), new("b", tensor(1L)), new("c", ones(2, dtype: ScalarType.Bool)), new("d", zeros(1))];

        Bytes(tensors).Should().Equal(Bytes([.. tensors.Reverse()]));

        static byte[] Bytes(KeyValuePair<string, Tensor>[] tensors)
        {
            using var stream = new MemoryStream();
            Safetensors.Save(stream, tensors, new Dictionary<string, string> { ["z"] = "1", ["a"] = "2" });
            return stream.ToArray();
        }
    }

    [Fact]
    public void Nothing_at_all_is_a_file_too()
    {
        Safetensors.Save(Target, new Dictionary<string, Tensor>());

        Safetensors.Load(Target).Should().BeEmpty();
        Safetensors.ReadHeader(Target).Tensors.Should().BeEmpty();
    }

    [Fact]
    public void A_stream_is_read_from_where_it_stands()
    {
        using var stream = new MemoryStream([9, 9, 9, .. Golden]);
        stream.Position = 3;

        Safetensors.Load(stream).Should().HaveCount(2);
    }

    [Theory]
    [InlineData(ScalarType.ComplexFloat32)]
    [InlineData(ScalarType.ComplexFloat64)]
    public void Complex_tensors_are_refused_and_the_old_file_kept(ScalarType type)
    {
        File.WriteAllBytes(Target, Golden);

        var save = () => Safetensors.Save(Target, new Dictionary<string, Tensor> { ["z"] = zeros(2, dtype: type) });

        save.Should().Throw<ArgumentException>().WithMessage($"Tensor 'z'*F64, F32*Found {type}.");
        File.ReadAllBytes(Target).Should().Equal(Golden);
    }

    [Fact]
    public void Bad_names_are_refused()
    {
        var twice = () => Safetensors.Save(new MemoryStream(), [new("a", ones(1)), new("a", ones(1))]);
        var reserved = () => Safetensors.Save(new MemoryStream(), [new("__metadata__", ones(1))]);

        twice.Should().Throw<ArgumentException>().WithMessage("*'a' twice*");
        reserved.Should().Throw<ArgumentException>().WithMessage("*__metadata__*");
    }

    [Fact]
    public void Sparse_tensors_are_refused()
    {
        var save = () => Safetensors.Save(new MemoryStream(), [new("s", eye(3).to_sparse())]);

        save.Should().Throw<ArgumentException>().WithMessage("*'s'*dense*");
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        for (var length = 0; length < Golden.Length; length++)
        {
            File.WriteAllBytes(Target, Golden[..length]);

            var load = () => Safetensors.Load(Target);

            load.Should().Throw<InvalidDataException>($"{length} bytes").WithMessage($"'{Target}':*");
        }
    }

    [Fact]
    public void Bytes_after_the_end_are_noticed() =>
        Refused([.. Golden, 0], "*tensors have 16 bytes together, but the data has 17*");

    [Theory]
    [InlineData("[]", "*JSON object*")]
    [InlineData("hello, I am a text file", "*JSON object*")]
    [InlineData("{", "*")]
    [InlineData("{}{}", "*")]
    [InlineData("""{"a":1}""", "*'a'*object*")]
    [InlineData("""{"__metadata__":{"a":1}}""", "*__metadata__*'a'*")]
    [InlineData("""{"__metadata__":3}""", "*__metadata__*object*")]
    [InlineData("""{"a":{"shape":[],"data_offsets":[0,4]}}""", "*'a'*dtype*")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}""", "*'a'*F8_E4M3*")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,4]}}""", "*'a'*shape*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", "*'a'*shape*-1*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", "*'a'*shape*1.5*")]
    [InlineData("""{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", "*'a'*shape*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", "*'a'*data_offsets*4, 0*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2,4]}}""", "*'a'*data_offsets*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "*'a'*8 bytes*Found 4*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "*uplicate*'a'*")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}""", "*uplicate*'dtype'*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "*'b'*overlaps*")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}""", "*'b'*hole*")]
    [InlineData("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}""", "*'a'*hole*")]
    [InlineData("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}""", "*3 bytes together*4*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "*'a'*byte 8*4 bytes*cut off*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}""", "*'a'*cut off*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", "*'a'*counted*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}""", "*'a'*counted*")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}""", "*'a'*shape*")]
    [InlineData("""{"a\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "*")]
    public void A_bad_header_is_refused_with_its_reason(string header, string message) => Refused(WithHeader(header, 4), message);

    [Fact]
    public void A_header_that_is_not_UTF8_is_refused() =>
        Refused([2, 0, 0, 0, 0, 0, 0, 0, (byte)'{', 0xFF], "*UTF-8*");

    [Fact]
    public void A_huge_header_length_is_refused_without_taking_memory()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        Refused([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, (byte)'{'], "*100000000*another kind*");
        Refused([0, 0, 0, 5, 0, 0, 0, 0, (byte)'{'], "*83886080*only 1 follow*");

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(1_000_000);
    }

    [Fact]
    public void A_foreign_file_is_refused() => Refused(Encoding.ASCII.GetBytes("PK\u0003\u0004 this is a zip, honestly"), "*another kind*");

    [Fact]
    public void A_stream_that_cannot_seek_is_refused()
    {
        using var pipe = new System.IO.Compression.GZipStream(new MemoryStream(), System.IO.Compression.CompressionMode.Decompress);

        var load = () => Safetensors.Load(pipe);

        load.Should().Throw<ArgumentException>().WithMessage("*seekable*");
    }

    [Fact]
    public void No_tensor_stays_behind() => LiveTensors.ShouldStayTheSame(() =>
    {
        using var numbers = randn(3, 4);
        using var turned = numbers.t();
        Dictionary<string, Tensor> tensors = new() { ["a"] = numbers, ["b"] = turned };
        Safetensors.Save(Target, tensors);
        foreach (var tensor in Safetensors.Load(Target).Values)
        {
            tensor.Dispose();
        }

        numbers.IsInvalid.Should().BeFalse("a save does not dispose of its arguments");
        using var cut = new FileStream(Target, FileMode.Open);
        var load = () => SafetensorsReader.Read(new CutStream(cut, cut.Length - 5), cut.Length, "cut");
        load.Should().Throw<InvalidDataException>().WithMessage("cut: the data ends within tensor 'b'.");
    });

    private void Refused(byte[] bytes, string message)
    {
        File.WriteAllBytes(Target, bytes);

        var load = () => Safetensors.Load(Target);

        load.Should().Throw<InvalidDataException>().WithMessage($"'{Target}': {message}");
    }

    private static byte[] WithHeader(string header, int data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)json.Length);
        return [.. length, .. json, .. new byte[data]];
    }

    /// <summary>A stream that ends earlier than it said.</summary>
    private sealed class CutStream(Stream inner, long length) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => inner.Position;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) =>
            inner.Read(buffer, offset, (int)Math.Min(count, length - inner.Position));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
