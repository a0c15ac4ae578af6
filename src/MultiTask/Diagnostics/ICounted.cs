namespace MultiTask.Diagnostics;

/// <summary>A module of ours that has parameters: whoever computes with these tells <see cref="MultiplyAdds"/> what it costs.</summary>
internal interface ICounted;
