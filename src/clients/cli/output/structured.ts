import { isRecord, writeBigints } from "../../../ground/json/index.ts";

export type StructuredFormat = "json" | "yaml";

/** Data as indented JSON or as YAML, a bigint as a number. Ends with a newline. */
export async function renderStructured(data: unknown, format: StructuredFormat): Promise<string> {
  if (format === "json") return `${JSON.stringify(data, writeBigints, 2)}\n`;
  // Loaded by those alone who ask for it.
  const { stringify } = await import("yaml");
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The part of a generated message type that this needs. */
type MessageType<Message> = { toJSON(message: Message): unknown };

/**
 * A message in protobuf's JSON form with lists and maps also where they are empty, as crictl writes it: a
 * recipe such as `jq '.items[]'` then works on an empty list too.
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
