import { isRecord, type JsonObject } from "../../../ground/json/index.ts";

/** A secret with the lengths of its values in place of them; any other object as it is. */
export function withoutSecrets(object: JsonObject): JsonObject {
  if (object.kind !== "Secret") return object;
  const hidden = (values: unknown, bytesOf: (value: string) => number) =>
    isRecord(values)
      ? Object.fromEntries(
          Object.entries(values).map(([key, value]) => [key, `${bytesOf(String(value))} bytes`]),
        )
      : undefined;
  const { data, stringData, ...rest } = object;
  const shown = {
    data: hidden(data, (value) => Buffer.from(value, "base64").length),
    stringData: hidden(stringData, (value) => Buffer.byteLength(value)),
  };
  return { ...rest, ...Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined)) };
}
