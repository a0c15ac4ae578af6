using System.Globalization;
using System.IO.Compression;
using FluentAssertions;
using MultiTask.Csv;
using MultiTask.Data;
using Xunit;

namespace MultiTask.Tests.Data;

public class CsvTableTests
{
    private const string People = """
        name,height,region,age,income
        "Doe, Jane", 1.75 ,north,41,low
        Max,1.8e0,south,,high
        "A ""B"" C",1.5,north,NA,

        """;

    [Fact]
    public void A_table_becomes_a_data_set()
    {
        var table = Read(People);
        using var data = MultiTaskDataset.From(table)
            .Input(row => [row.Number("height"), .. row.OneHot("region")])
            .Target("age", row => row.NumberOrNull("age"))
            .Target("income", row => row.ClassOrNull("income"))
            .Build();
        Samples.Doubles(data.Inputs.Single).Should().Equal(1.75, 1, 0, 1.8f, 0, 1, 1.5, 1, 0);
        Samples.Doubles(data.Targets["age"]).Should().Equal(41, double.NaN, double.NaN);
        Samples.Doubles(data.Targets["income"]).Should().Equal(1, 0, -100);
        table.Columns.Should().Equal("name", "height", "region", "age", "income");
        table.Vocabulary("income").Should().Equal("high", "low");
        table.Select(r => r.Text("name")).Should().Equal("Doe, Jane", "Max", "A \"B\" C");
        table.Select(r => r.Line).Should().Equal(2, 3, 4);
    }

    [Fact]
    public void Separators_missing_marks_and_names_can_be_given()
    {
        var table = Read("1.5;?;-\n2;x;y\n", new() { Delimiter = ';', Columns = ["a", "b", "c"], Missing = ["?", "-"] });
        table.Count.Should().Be(2);
        table[0].NumberOrNull("a").Should().Be(1.5);
        table[0].TextOrNull("b").Should().BeNull();
        table.Vocabulary("c").Should().Equal("y");
        Read("a\tb\r\n1\t2\r\n", new() { Delimiter = '\t' })[0].Number("b").Should().Be(2);
    }

    [Fact]
    public void Numbers_do_not_depend_on_the_culture()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            Read("a\n1.5\n")[0].Number("a").Should().Be(1.5);
            Refused(() => Read("a;b\n1,5;2\n", new() { Delimiter = ';' })[0].Number("a"), "*'1,5'*");
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Files_are_read_packed_or_not()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var (plain, packed) = (Path.Combine(folder.FullName, "p.csv"), Path.Combine(folder.FullName, "p.csv.gz"));
            File.WriteAllText(plain, "\uFEFF" + People);
            using (var stream = new GZipStream(File.Create(packed), CompressionLevel.Fastest))
            using (var writer = new StreamWriter(stream))
            {
                writer.Write(People);
            }

            foreach (var path in new[] { plain, packed })
            {
                var table = CsvTable.Read(path);
                table.Select(r => r.Number("height")).Should().Equal(1.75, 1.8, 1.5);
                Refused(() => table[2].Number("age"), $"{Path.GetFileName(path)}, line 4, column 'age': there should be a number. Found 'NA'.");
            }

            FluentActions.Invoking(() => CsvTable.Read(Path.Combine(folder.FullName, "none.csv"))).Should().Throw<IOException>();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_test_file_is_read_with_the_training_files_vocabulary()
    {
        var regions = Read(People).Vocabulary("region");
        var test = Read("region\nsouth\nwest\n");
        test[0].Class("region", regions).Should().Be(1);
        test[0].OneHot("region", regions).Should().Equal(0, 1);
        Refused(() => test[1].Class("region", regions), "*line 3, column 'region'*2 values*Found 'west'*");
    }

    [Fact]
    public void Line_numbers_count_line_breaks_in_quotes_and_empty_lines()
    {
        var table = Read("a,b\n\n\"x\ny\",1\nz,bad\n");
        table.Select(r => r.Line).Should().Equal(3, 5);
        Refused(() => table[1].Number("b"), "*line 5, column 'b'*'bad'*");
    }

    [Fact]
    public void Bad_tables_are_refused_with_what_was_found()
    {
        Refused(() => Read(""), "test.csv*column names*empty*");
        Refused(() => Read("a,b,a\n1,2,3\n"), "test.csv*'a' twice*");
        Refused(() => Read("a,b\n1,2\n3\n"), "test.csv, line 3*2 cells*Found 1*");
        Refused(() => Read("a,b\n1,2,3\n"), "test.csv, line 2*2 cells*Found 3*");
        Refused(() => Read("a,b\n1,\"x\"y\n"), "test.csv, line 2*quoted*");
        Refused(() => Read("a,b\n1,\"x\n"), "test.csv, line 2*quoted*");
        Refused(() => Read("a\nInfinity\n")[0].Number("a"), "*line 2, column 'a'*'Infinity'*");
        Refused(() => Read("a,b\n,1\n")[0].Text("a"), "*line 2, column 'a'*a value*''*");
        Read(People)[0].Invoking(r => r.Number("heigth")).Should().Throw<ArgumentException>().WithMessage("test.csv*'heigth'*'name', 'height'*");
        MultiTaskDataset.From(Read("a\n")).Input(r => [r.Number("a")]).Target("a", r => r.Number("a"))
            .Invoking(b => b.Build()).Should().Throw<ArgumentException>().WithMessage("*no record*");
    }

    private static CsvTable Read(string text, CsvOptions? options = null) => CsvTable.Read(new StringReader(text), "test.csv", options);

    private static void Refused(Func<object> act, string message) => act.Should().Throw<FormatException>().WithMessage(message);
}
