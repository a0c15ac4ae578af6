namespace MultiTask.Sharing;

/// <summary>What joint feature selection keeps or drops as one.</summary>
public enum FeatureGroup
{
    /// <summary>An entry of the parameter, of all tasks: the paper's, where a task has one weight for each feature.</summary>
    Entry,

    /// <summary>All weights that read one input (dimension 1 of the parameter, such as a convolution's input channel), of all tasks.</summary>
    Input,

    /// <summary>All weights of one unit (dimension 0 of the parameter, such as a convolution's output channel), of all tasks.</summary>
    Unit,
}
