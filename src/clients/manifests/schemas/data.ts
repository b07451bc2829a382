import { isRecord } from "../../../ground/json/index.ts";
import { dataKey } from "../names.ts";
import type { Place } from "../place.ts";
import { boolean, checked, mapOf, object, oneOf, type Read, type Schema, string } from "../schema.ts";
import { objectMeta } from "./metadata.ts";

const base64: Schema<string> = {
  read(value, place) {
    const fits =
      typeof value === "string" &&
      Buffer.from(value, "base64").toString("base64") === value.replaceAll("\n", "");
    return fits ? value : place.error("must be in base64");
  },
};

/** Maximum size of a config map or a secret. */
const maxBytes = 1024 * 1024;

/** A map of texts, whose keys are also file names in volumes. */
const texts = mapOf(string, dataKey);
const bytes = mapOf(base64, dataKey);

const configMapFields = object(
  { apiVersion: oneOf("v1"), kind: oneOf("ConfigMap"), metadata: objectMeta },
  { data: texts, binaryData: bytes, immutable: boolean },
);

export const configMap = checked(configMapFields, ({ data = {}, binaryData = {} }, place) => {
  for (const key of Object.keys(data))
    if (key in binaryData) place.at("data", key).error("is in binaryData too");
  if (textBytes(data) + decodedBytes(binaryData) > maxBytes) place.error("must have at most 1 MiB of data");
});

const secretFields = object(
  { apiVersion: oneOf("v1"), kind: oneOf("Secret"), metadata: objectMeta },
  { data: bytes, stringData: texts, type: string, immutable: boolean },
);

/** The required keys of secrets by type: one of each list. */
const keysOfTypes: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ["kubernetes.io/dockercfg", [[".dockercfg"]]],
  ["kubernetes.io/dockerconfigjson", [[".dockerconfigjson"]]],
  ["kubernetes.io/basic-auth", [["username", "password"]]],
  ["kubernetes.io/ssh-auth", [["ssh-privatekey"]]],
  ["kubernetes.io/tls", [["tls.crt"], ["tls.key"]]],
]);

type Content = { readonly key: string; readonly what: string; readonly fits: (text: string) => boolean };

/** What Kubernetes checks of the content of secrets, by type. */
const contentsOfTypes: ReadonlyMap<string, Content> = new Map([
  ["kubernetes.io/dockercfg", { key: ".dockercfg", what: "an object in JSON", fits: isJsonObject }],
  [
    "kubernetes.io/dockerconfigjson",
    { key: ".dockerconfigjson", what: "an object in JSON", fits: isJsonObject },
  ],
  ["kubernetes.io/ssh-auth", { key: "ssh-privatekey", what: "not empty", fits: (text) => text !== "" }],
]);

export const secret = checked(secretFields, checkSecret);

function checkSecret(secret: Read<typeof secretFields>, place: Place): void {
  const { type = "", data = {}, stringData = {} } = secret;
  const all = new Set([...Object.keys(data), ...Object.keys(stringData)]);
  for (const keys of keysOfTypes.get(type) ?? [])
    if (!keys.some((key) => all.has(key)))
      place.at("data").error(`needs ${keys.join(" or ")} for the type ${type}`);
  checkContent(secret, place);
  // stringData takes precedence over data.
  const rest = Object.fromEntries(Object.entries(data).filter(([key]) => !(key in stringData)));
  if (textBytes(stringData) + decodedBytes(rest) > maxBytes) place.error("must have at most 1 MiB of data");
}

/** Messages do not show the content. */
function checkContent(
  { type = "", data = {}, stringData = {} }: Read<typeof secretFields>,
  place: Place,
): void {
  const content = contentsOfTypes.get(type);
  if (content === undefined) return;
  const { key, what, fits } = content;
  const text = stringData[key];
  const encoded = data[key];
  if (text !== undefined) {
    if (!fits(text)) place.at("stringData", key).error(`must be ${what} for the type ${type}`);
  } else if (encoded !== undefined && !fits(Buffer.from(encoded, "base64").toString()))
    place.at("data", key).error(`must be ${what} for the type ${type}`);
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value === null || isRecord(value);
  } catch {
    return false;
  }
}

type Texts = Readonly<Record<string, string>>;

function textBytes(texts: Texts): number {
  return Object.values(texts).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function decodedBytes(texts: Texts): number {
  return Object.values(texts).reduce((sum, text) => sum + Buffer.byteLength(text, "base64"), 0);
}
