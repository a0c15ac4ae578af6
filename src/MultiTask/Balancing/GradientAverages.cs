using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>An average of each task's gradients over the steps, yₖ = (1 − aₖ) yₖ₋₁ + aₖ gₖ, with y₀ = 0.</summary>
internal sealed class GradientAverages : nn.Module
{
    private readonly string method;
    private readonly TaskVectors averages;
    private readonly TaskMemory steps;

    /// <param name="tasks">The tasks to remember.</param>
    /// <param name="method">What messages call the method.</param>
    public GradientAverages(IEnumerable<string> tasks, string method)
        : base(nameof(GradientAverages))
    {
        this.method = method;
        averages = new(tasks, method);
        steps = new(averages.Tasks, length: 1, initial: 0);
        RegisterComponents();
    }

    /// <summary>Takes a step's gradients in. Call inside a dispose scope.</summary>
    /// <param name="jacobian">The gradients of the tasks that are there; the others' averages stay as they are.</param>
    /// <param name="part">
    /// aₖ in (0, 1], the part of the new gradient in the task's k-th step, k ≥ 1; null: all of it, and nothing is remembered.
    /// </param>
    /// <returns>The averages of these tasks.</returns>
    public Jacobian Next(Jacobian jacobian, Func<double, double>? part)
    {
        TaskNames.ExpectKnown(jacobian.Tasks, averages.Tasks, method);
        var old = part is null ? null : averages.Rows(jacobian.Tasks, jacobian.Matrix); // a copy
        foreach (var task in jacobian.Tasks)
        {
            steps[task] = [Steps(task) + 1];
        }

        if (old is null)
        {
            return jacobian;
        }

        var parts = tensor(jacobian.Tasks.Select(task => part!(Steps(task))).ToArray(), dtype: ScalarType.Float64);
        old.lerp_(jacobian.Matrix, parts.to(old.dtype).to(old.device).unsqueeze(1));
        averages.Keep(jacobian.Tasks, old);
        return new(old, jacobian.Losses);
    }

    /// <summary>How many steps the task has been seen in.</summary>
    public double Steps(string task) => steps[task][0];

    public void Clear()
    {
        averages.Clear();
        steps.Clear();
    }
}
