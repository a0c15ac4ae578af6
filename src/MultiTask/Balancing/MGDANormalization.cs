namespace MultiTask.Balancing;

/// <summary>What <see cref="MGDA"/> divides each gradient by before it looks for the shortest vector in their hull.</summary>
public enum MGDANormalization
{
    /// <summary>1, as in the paper.</summary>
    None,

    /// <summary>The gradient's norm: <c>l2</c> in the authors' code.</summary>
    L2,

    /// <summary>The task's loss, which must be positive: <c>loss</c> in the authors' code.</summary>
    Loss,

    /// <summary>The product of both: <c>loss+</c> in the authors' code.</summary>
    LossPlus,
}
