import { isRecord, type JsonObject } from "../../ground/json/index.ts";

/** What becomes of the values of one key, which an object has in one or several spellings. */
type Join = (values: readonly unknown[]) => unknown;
/** By their names in small letters. */
type Fields = ReadonlyMap<string, { readonly name: string; readonly join: Join }>;

/**
 * An image's config (OCI image-spec 1.1, config.md) with its keys as the specification spells them. Some
 * builders write them their own way, and runtimes that are written in Go find keys in any case of letters. As
 * there, null leaves a text as it is; of several spellings of a key, objects are joined, and of other values
 * the last one counts. Other keys are kept, and so are values of a wrong type.
 */
export function withSpecifiedKeys(config: JsonObject): JsonObject {
  return withNames(Object.entries(config), imageFields);
}

const text: Join = (values) => values.findLast((value) => value !== null) ?? null;
const last: Join = (values) => values.at(-1);
/** Null empties it. */
const map: Join = (values) => joined(values.slice(values.lastIndexOf(null) + 1), Object.fromEntries);
const object =
  (fields: Fields): Join =>
  (values) =>
    joined(
      values.filter((value) => value !== null),
      (entries) => withNames(entries, fields),
    );

const executionFields = fieldsOf({
  User: text,
  ExposedPorts: map,
  Env: last,
  Entrypoint: last,
  Cmd: last,
  Volumes: map,
  WorkingDir: text,
  Labels: map,
  StopSignal: text,
});

const imageFields = fieldsOf({
  created: last,
  author: text,
  architecture: text,
  os: text,
  "os.version": text,
  "os.features": last,
  variant: text,
  config: object(executionFields),
  rootfs: object(fieldsOf({ type: text, diff_ids: last })),
  history: last,
  // Docker's, about the container in which the image was built.
  container: last,
  container_config: last,
});

function fieldsOf(joins: Readonly<Record<string, Join>>): Fields {
  return new Map(Object.entries(joins).map(([name, join]) => [name.toLowerCase(), { name, join }]));
}

function withNames(entries: readonly (readonly [string, unknown])[], fields: Fields): JsonObject {
  const values = new Map<string, unknown[]>();
  for (const [key, value] of entries) {
    const name = fields.get(key.toLowerCase())?.name ?? key;
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return Object.fromEntries(
    [...values].map(([name, all]) => [name, (fields.get(name.toLowerCase())?.join ?? last)(all)]),
  );
}

/** Of all entries of the objects; a value that is no object remains, for the parser to refuse. */
function joined(
  values: readonly unknown[],
  make: (entries: readonly (readonly [string, unknown])[]) => JsonObject,
): unknown {
  if (values.length === 0) return null;
  const objects = values.filter(isRecord);
  return objects.length === values.length
    ? make(objects.flatMap((each) => Object.entries(each)))
    : values.find((value) => !isRecord(value));
}
