import { isRecord, type JsonObject } from "../../../ground/json/index.ts";

/** The annotation in which kubectl stores the whole object, including values. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Replaces the values of a secret with their lengths; returns any other object as it is. */
export function withoutSecrets(object: JsonObject): JsonObject {
  if (object.kind !== "Secret") return object;
  const hidden = (values: unknown, bytesOf: (value: string) => number) =>
    isRecord(values)
      ? Object.fromEntries(
          Object.entries(values).map(([key, value]) => [key, `${bytesOf(String(value))} bytes`]),
        )
      : undefined;
  const { data, stringData, metadata, ...rest } = object;
  const shown = {
    metadata: withoutLastApplied(metadata),
    data: hidden(data, (value) => Buffer.from(value, "base64").length),
    stringData: hidden(stringData, (value) => Buffer.byteLength(value)),
  };
  return { ...rest, ...Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined)) };
}

function withoutLastApplied(metadata: unknown): unknown {
  if (!isRecord(metadata) || !isRecord(metadata.annotations)) return metadata;
  const { [lastApplied]: _, ...annotations } = metadata.annotations;
  return { ...metadata, annotations };
}
