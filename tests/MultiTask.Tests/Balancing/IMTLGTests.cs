using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class IMTLGTests
{
    [Fact]
    public void Golden_rows()
    {
        using var imtl = new IMTLG();
        Same(imtl.Weigh(Gramians.Of(Jacobians.A)), [0.59233, 0.40767], 1e-6);
        Same(imtl.Weigh(Gramians.Of(Jacobians.B)), [0.461675, 0.170337, 0.367988], 1e-6);
        Same(imtl.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.076697, 1, 1], 1e-6);
        Same(imtl.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [0.134657, 0.357713, 0.538325, 0.359469], 1e-6);
        imtl.AscentAvoided.Should().BeFalse();
    }

    [Fact]
    public void Weights_are_numbers_and_sum_to_1_unless_ascent_was_avoided()
    {
        using var imtl = new IMTLG();
        foreach (var sample in Gramians.Draw(10_000, seed: 320))
        {
            var w = imtl.Weigh(sample.Gramian);
            Array.TrueForAll(w, double.IsFinite).Should().BeTrue("{0}", sample);
            var sum = imtl.AscentAvoided ? w.Sum(Math.Abs) : w.Sum();
            sum.Should().BeApproximately(1, 1e-12 * w.Sum(Math.Abs), "{0}", sample);
        }
    }

    [Fact]
    public void Projections_are_equal_and_not_negative()
    {
        using var imtl = new IMTLG();
        var samples = Gramians.Draw(3_000, seed: 321, most: 20).Independent(1e-11).ToArray();
        samples.Length.Should().BeGreaterThan(500);
        Laws.EqualProjections(imtl.Weigh, samples);
        Laws.NonConflicting(imtl.Weigh, samples);
    }

    [Fact]
    public void Two_tasks_share_the_bisector()
    {
        using var imtl = new IMTLG();
        foreach (var sample in Gramians.Draw(2_000, seed: 322, most: 2))
        {
            // w₁ : w₂ = ‖g₂‖ : ‖g₁‖, whatever the angle. Opposite gradients cancel.
            var (a, b) = (sample.Gramian.Norm(0), sample.Gramian.Norm(1));
            double[] expected = a + b == 0 ? [0.5, 0.5] : a == 0 ? [0, 1] : b == 0 ? [1, 0] : [b / (a + b), a / (a + b)];
            Same(imtl.Weigh(sample.Gramian), expected, 1e-6, sample.Name);
        }
    }

    [Fact]
    public void A_tasks_scale_does_not_turn_the_direction()
    {
        using var imtl = new IMTLG();
        Laws.ScaleInvariantPerTask(g => Line(imtl, g), Gramians.Draw(1_000, seed: 323, most: 20).Independent());
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var imtl = new IMTLG();
        Laws.PermutationEquivariant(imtl.Weigh, Gramians.Draw(1_000, seed: 324, most: 20).Independent(), 1e-7);
        Laws.Homogeneous(imtl.Weigh, Gramians.Draw(1_000, seed: 325, most: 20));
    }

    [Fact]
    public void Is_the_papers_closed_form()
    {
        using var imtl = new IMTLG();
        var compared = 0;
        foreach (var sample in Gramians.Draw(2_000, seed: 326, most: 8).Independent(1e-4).Where(s => s.Name.Contains("generic, generic")))
        {
            var expected = ClosedForm(sample.Rows);
            var found = imtl.Weigh(sample.Gramian);
            if (!imtl.AscentAvoided && found.Sum(Math.Abs) < 100)
            {
                Same(found, expected, 1e-6, sample.Name);
                compared++;
            }
        }

        compared.Should().BeGreaterThan(50);
    }

    /// <remarks>
    /// A small gradient between two large ones: Σ v = −1970, and divided by it, as in the paper and in other libraries, the
    /// step ascends on all three tasks.
    /// </remarks>
    [Fact]
    public void Does_not_ascend_on_every_task()
    {
        using var imtl = new IMTLG();
        double[][] rows = [[1, 0, 0], [0, 1, 0], [0.007, 0.007, 0.001414]];
        var g = Gramians.Of(rows);
        var w = imtl.Weigh(g);
        imtl.AscentAvoided.Should().BeTrue();
        g.Times(w).Should().OnlyContain(p => p > 0);
        w.Sum(Math.Abs).Should().BeApproximately(1, 1e-12);

        using var config = new ConFIG();
        var (found, expected) = (Laws.Direction(rows, w), Laws.Direction(rows, config.Weigh(g)));
        var cosine = Gramians.Dot(found, expected) / Math.Sqrt(Gramians.Dot(found, found) * Gramians.Dot(expected, expected));
        cosine.Should().BeApproximately(1, 1e-9);

        imtl.Weigh(Gramians.Of(Jacobians.B));
        imtl.AscentAvoided.Should().BeFalse("that was another step");
    }

    [Fact]
    public void Zero_gradients_are_left_out()
    {
        using var imtl = new IMTLG();
        Same(imtl.Weigh(Gramians.Of([[0, 0], [1, 0], [0, 3]])), [0, 0.75, 0.25], 1e-14);
        imtl.Weigh(Gramians.Of([[0], [0], [0], [0]])).Should().Equal(0.25, 0.25, 0.25, 0.25);
        Same(imtl.Weigh(Gramians.Of([[7]])), [1], 1e-14);
    }

    [Fact]
    public void Duplicate_gradients_share_their_weight_and_opposite_ones_cancel()
    {
        using var imtl = new IMTLG();
        Same(imtl.Weigh(Gramians.Of([[1, 0], [1, 0], [0, 1]])), [0.25, 0.25, 0.5], 1e-14);
        Same(imtl.Weigh(Gramians.Of([[1, 0], [-3, 0]])), [0.75, 0.25], 1e-14);
        Same(imtl.Aggregate(Jacobians.Of([1, 0], [-3, 0])).Values(), [0, 0], 1e-14);
        Same(imtl.Aggregate(Jacobians.Of([1, 0], [-3, 0], [0, 2])).Values(), [0, 2], 1e-13);
    }

    [Fact]
    public void In_IMTL_L_it_is_the_papers_hybrid()
    {
        using var net = new SmallNet(3);
        using var hybrid = new IMTLL(Concrete.Names(3), new IMTLG());
        using var plain = new IMTLG();
        hybrid.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        plain.Backward(net.Losses(), net.Shared);

        // At the start the scales are 1, and s is on its way: its gradient is ℓ − 1.
        SmallNet.Gradients(net.All).Should().BeEquivalentTo(found, o => o.WithStrictOrdering());
        hybrid.LastWeights!.Values.Should().Equal(plain.LastWeights!.Values);
        hybrid.parameters().Select(s => (double)s.grad!.item<float>())
            .Should().Equal(net.Losses().Values.Select(l => l.item<double>() - 1), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    /// <summary>The weights, brought to Σ |w| ‖g‖ = 1: what is left is the line and the sign.</summary>
    private static double[] Line(IMTLG imtl, Gramian g)
    {
        var w = imtl.Weigh(g);
        var length = Laws.Length(g, w);
        return Array.ConvertAll(w, v => v / length);
    }

    /// <summary>The paper's closed form: (α₂ … α_T) = g₁ Uᵀ (D Uᵀ)⁻¹ with D = g₁ − gᵢ and U = u₁ − uᵢ.</summary>
    private static double[] ClosedForm(double[][] rows)
    {
        double[][] units = [.. rows.Select(r => Array.ConvertAll(r, v => v / Math.Sqrt(Gramians.Dot(r, r))))];
        double[][] d = [.. rows.Skip(1).Select(r => rows[0].Zip(r, (a, b) => a - b).ToArray())];
        double[][] u = [.. units.Skip(1).Select(r => units[0].Zip(r, (a, b) => a - b).ToArray())];
        var n = d.Length;

        // Gauss with pivots on (D Uᵀ)ᵀ α = U g₁.
        double[][] a = [.. u.Select(ui => d.Select(dj => Gramians.Dot(dj, ui)).Append(Gramians.Dot(rows[0], ui)).ToArray())];
        for (var k = 0; k < n; k++)
        {
            var pivot = Enumerable.Range(k, n - k).MaxBy(i => Math.Abs(a[i][k]));
            (a[k], a[pivot]) = (a[pivot], a[k]);
            for (var i = 0; i < n; i++)
            {
                if (i != k)
                {
                    var factor = a[i][k] / a[k][k];
                    a[i] = [.. a[i].Zip(a[k], (x, y) => x - (factor * y))];
                }
            }
        }

        double[] rest = [.. Enumerable.Range(0, n).Select(k => a[k][n] / a[k][k])];
        return [1 - rest.Sum(), .. rest];
    }

    private static void Same(double[] found, double[] expected, double tolerance, string because = "") =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance, because.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal));
}
