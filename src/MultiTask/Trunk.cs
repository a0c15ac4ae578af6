using MultiTask.Sharing;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// The part of the network that tasks have in common, and the way in which they share it: fully (hard sharing), loosely
/// (soft sharing), by mixing, by gating experts, or not at all.
/// </summary>
/// <remarks>
/// Trunks are interchangeable: each turns <see cref="Inputs"/> into a <see cref="Representation"/>, and works with every
/// <see cref="Balancer"/>. Submodules are registered under the names of the fields that hold them, so that state keys
/// read well.
/// </remarks>
public abstract class Trunk : nn.Module<Inputs, Representation>
{
    /// <summary>A trunk.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected Trunk(string name)
        : base(name)
    {
    }

    /// <summary>The parameters that the losses of more than one task can reach: where gradients are balanced.</summary>
    public abstract IEnumerable<Parameter> SharedParameters();

    /// <summary>The tasks that the trunk was built for, or <c>null</c> where any will do.</summary>
    public virtual IReadOnlyCollection<string>? Tasks => null;

    /// <summary>The parameters that only one task's loss reaches, such as its own tower; none by default.</summary>
    /// <param name="task">The task's name.</param>
    public virtual IEnumerable<Parameter> TaskParameters(string task) => [];

    /// <summary>
    /// The parameters that only mix or gate what others compute, such as the α of cross-stitch units; none by default. They
    /// often want a learning rate of their own: a parameter group of the optimizer.
    /// </summary>
    public virtual IEnumerable<Parameter> MixingParameters() => [];

    /// <summary>
    /// Whether some <see cref="MixingParameters"/> have an entry for each task, in the order of <see cref="Tasks"/>, as the α of
    /// cross-stitch units have; false by default. Of other tasks, or of the same in another order, they mean something else, even where
    /// shapes agree, so <see cref="ModuleWeights.TakeWeights"/> does not take them over.
    /// </summary>
    public virtual bool MixesInOrderOfTasks => false;

    /// <summary>What each task takes from each part of the trunk, to look at; none by default.</summary>
    /// <param name="inputs">The samples for which to tell; gates that read the input are averaged over them.</param>
    /// <remarks>Runs without gradients, in the mode that the trunk is in.</remarks>
    public virtual IReadOnlyList<Mixture> Mixtures(Inputs inputs) => [];

    /// <summary>A scalar to add to the losses, such as soft sharing's distance between towers; <c>null</c> where there is none.</summary>
    /// <remarks>
    /// It may be part of the graph of the last forward pass, so its turn is between that and the backward pass of the losses. The trainer
    /// adds its gradient there, unbalanced, and of several batches that make a step the mean of theirs; in a loop of your own, call
    /// <c>Penalty()?.backward(retain_graph: true)</c> before <c>balancer.Backward(…)</c>.
    /// </remarks>
    public virtual Tensor? Penalty() => null;

    /// <summary>Goes into training or evaluation mode; modules that are frozen (<see cref="Freezing"/>) stay in evaluation mode.</summary>
    /// <param name="train">Whether to train; true by default.</param>
    public override void train(bool train = true)
    {
        base.train(train);
        if (train)
        {
            Freezing.KeepFrozenInEvaluation(this);
        }
    }

    /// <summary>Takes note that the optimizer has made its step; trunks with a clock or a step of their own override it.</summary>
    /// <remarks>The trainer calls it; in a loop of your own, call it after <c>optimizer.step()</c>.</remarks>
    /// <param name="learningRate">The learning rate of the step, ≥ 0: that of the parameter group which the trunk's first parameter is in.</param>
    public virtual void EndStep(double learningRate)
    {
    }

    /// <summary>Takes note that an epoch has ended; trunks with a clock override it.</summary>
    /// <remarks>The trainer calls it, after validation; in a loop of your own, call it after each epoch.</remarks>
    public virtual void EndEpoch()
    {
    }
}
