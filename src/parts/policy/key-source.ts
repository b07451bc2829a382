import { readFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { arrayAt, stringAt, wrong } from "./strict-json.ts";

/** A file on this machine (absolute), or bytes of the policy itself. */
export type KeySource = { readonly path: string } | { readonly data: Buffer };

/**
 * Parses the fields `keyPath`, `keyPaths`, `keyData`, `keyDatas` and the like, of which at most one may be
 * present; undefined if none is. Throws PolicyError FailedPrecondition.
 */
export function parseSources(
  fields: Readonly<Record<string, unknown>>,
  path: string,
): readonly KeySource[] | undefined {
  const [given, ...others] = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (given === undefined) return undefined;
  if (others.length > 0) throw wrong(`${path}: expected only one of ${Object.keys(fields).join(", ")}`);
  const [name, value] = given;
  const at = `${path}.${name}`;
  const values = name.endsWith("s") ? arrayAt(value, at) : [value];
  return values.map((each) => {
    const text = stringAt(each, at);
    if (name.includes("Data")) return { data: decodeBase64(text, at) };
    if (!isAbsolute(text)) throw wrong(`${at}: ${JSON.stringify(text)} is not an absolute path`);
    return { path: text };
  });
}

/** Reads a source. Throws PolicyError FailedPrecondition for an unreadable file. */
export async function readSource(source: KeySource): Promise<Uint8Array> {
  if ("data" in source) return source.data;
  try {
    return await readFile(source.path);
  } catch (error) {
    throw wrong(`cannot read a key of the signature policy: ${messageOf(error)}`);
  }
}

/** Its name in messages. */
export function describeSource(source: KeySource): string {
  return "path" in source ? source.path : "data of the signature policy";
}

function decodeBase64(text: string, path: string): Buffer {
  const data = Buffer.from(text, "base64");
  if (data.toString("base64").replaceAll("=", "") !== text.replace(/[\s=]/g, ""))
    throw wrong(`${path}: expected base64`);
  return data;
}
