namespace TextTasks;

/// <summary>A sentence, and the labels that it has; <c>null</c> where it has none.</summary>
/// <param name="Words">Its words, punctuation among them.</param>
/// <param name="PartsOfSpeech">For each word its part of speech, such as <c>NOUN</c>.</param>
/// <param name="Entities">For each word whether it begins a name, goes on with one, or neither: <c>B-PER</c>, <c>I-PER</c>, <c>O</c>, …</param>
/// <param name="Positive">Whether the sentence speaks well of something.</param>
public sealed record Sentence(string[] Words, string[]? PartsOfSpeech = null, string[]? Entities = null, bool? Positive = null);
