import { isRecord, writeBigints } from "../../../ground/json/index.ts";

export type StructuredFormat = "json" | "yaml";

/** Formats data as indented JSON or as YAML, with bigints as numbers. Ends with a newline. */
export async function renderStructured(data: unknown, format: StructuredFormat): Promise<string> {
  if (format === "json") return `${JSON.stringify(data, writeBigints, 2)}\n`;
  // Loaded only if YAML is requested.
  const { stringify } = await import("yaml");
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The part of a generated message type that is needed here. */
type MessageType<Message> = { toJSON(message: Message): unknown };

/**
 * Converts a message to protobuf's JSON form, including empty lists and maps, as crictl does: commands such
 * as `jq '.items[]'` then also work for an empty list.
 */
export function toProtobufJson<Message>(type: MessageType<Message>, message: Message): unknown {
  return withEmptyCollections(message, type.toJSON(message));
}

function withEmptyCollections(message: unknown, json: unknown): unknown {
  if (Array.isArray(message) && Array.isArray(json))
    return json.map((item, index) => withEmptyCollections(message[index], item));
  if (!isPlainObject(message) || !isPlainObject(json)) return json;
  const completed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(message)) {
    if (key in json) completed[key] = withEmptyCollections(value, json[key]);
    else if (Array.isArray(value)) completed[key] = [];
    else if (isPlainObject(value)) completed[key] = {};
  }
  return completed;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !(value instanceof Uint8Array);
}
