using System.Text.Json;
using System.Text.Json.Serialization;

namespace MultiTask.Training;

/// <summary>A <see cref="TaskMap{T}"/> in JSON is an object: <c>{ "age": 0.31, "income": 1.2 }</c>.</summary>
internal sealed class TaskMapJson : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) =>
        typeToConvert.IsGenericType && typeToConvert.GetGenericTypeDefinition() == typeof(TaskMap<>);

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(Converter<>).MakeGenericType(typeToConvert.GetGenericArguments()))!;

    private sealed class Converter<T> : JsonConverter<TaskMap<T>>
    {
        public override TaskMap<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var values = JsonSerializer.Deserialize<OrderedDictionary<string, T>>(ref reader, options)
                ?? throw new JsonException("A map of tasks should be an object. Found null.");
            return TaskMap.Create(values.Select(v => (v.Key, v.Value)));
        }

        public override void Write(Utf8JsonWriter writer, TaskMap<T> value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            foreach (var (task, item) in value)
            {
                writer.WritePropertyName(task);
                JsonSerializer.Serialize(writer, item, options);
            }

            writer.WriteEndObject();
        }
    }
}
