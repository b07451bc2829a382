import { readFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { EncryptionError } from "./encryption-error.ts";

/** A program or a service that unwraps the keys of layers. */
export type KeyProvider =
  | { readonly kind: "command"; readonly path: string; readonly args: readonly string[] }
  | { readonly kind: "grpc"; readonly address: string; readonly tls: ProviderTls | undefined };

/** PEM files; those that are undefined are the system's, or omitted. */
export type ProviderTls = {
  readonly rootCaFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
};

/** By name. */
export type KeyProviders = ReadonlyMap<string, KeyProvider>;

/**
 * Reads a file in ocicrypt's format (its docs/keyprovider.md), which other programs find by
 * OCICRYPT_KEYPROVIDER_CONFIG. Throws EncryptionError FailedPrecondition if the file does not exist or is
 * invalid.
 */
export async function readKeyProviders(file: string): Promise<KeyProviders> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new EncryptionError(
      "FailedPrecondition",
      `cannot read the key providers in ${file}: ${messageOf(error)}`,
    );
  }
  const { "key-providers": providers } = fieldsOf(document, file, ["key-providers"]);
  if (!isRecord(providers)) throw wrong(`${file}: key-providers: expected an object`);
  return new Map(
    Object.entries(providers).map(([name, value]) => [
      name,
      parseProvider(value, `${file}: key-providers.${name}`),
    ]),
  );
}

function parseProvider(value: unknown, where: string): KeyProvider {
  const { cmd, grpc, "grpc-tls": tls } = fieldsOf(value, where, ["cmd", "grpc", "grpc-tls"]);
  if (cmd !== undefined && grpc === undefined && tls === undefined) {
    const { path, args = [] } = fieldsOf(cmd, `${where}.cmd`, ["path", "args"]);
    if (typeof path !== "string" || !isAbsolute(path))
      throw wrong(`${where}.cmd.path: expected an absolute path`);
    if (!isStrings(args)) throw wrong(`${where}.cmd.args: expected a list of texts`);
    return { kind: "command", path, args };
  }
  if (typeof grpc === "string" && grpc !== "" && cmd === undefined)
    return {
      kind: "grpc",
      address: grpc,
      tls: tls === undefined ? undefined : parseTls(tls, `${where}.grpc-tls`),
    };
  throw wrong(`${where}: expected either cmd or grpc`);
}

const tlsFields = ["root-ca-file", "cert-file", "key-file", "server-name", "insecure-skip-verify"] as const;

function parseTls(value: unknown, where: string): ProviderTls {
  const fields = fieldsOf(value, where, tlsFields);
  if (fields["insecure-skip-verify"] === true)
    throw wrong(`${where}.insecure-skip-verify: anyone who answers could see keys; set root-ca-file instead`);
  const textOf = (name: (typeof tlsFields)[number]): string | undefined => {
    const text = fields[name];
    if (text !== undefined && typeof text !== "string") throw wrong(`${where}.${name}: expected a text`);
    return text === "" ? undefined : text;
  };
  return {
    rootCaFile: textOf("root-ca-file"),
    certFile: textOf("cert-file"),
    keyFile: textOf("key-file"),
    serverName: textOf("server-name"),
  };
}

function fieldsOf<Key extends string>(
  value: unknown,
  where: string,
  known: readonly Key[],
): Readonly<Partial<Record<Key, unknown>>> {
  if (!isRecord(value)) throw wrong(`${where}: expected an object`);
  const unknown = Object.keys(value).find((key) => !known.some((each) => each === key));
  if (unknown !== undefined)
    throw wrong(`${where}: unknown field ${JSON.stringify(unknown)}; known are ${known.join(", ")}`);
  return value as JsonObject as Partial<Record<Key, unknown>>;
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function wrong(message: string): EncryptionError {
  return new EncryptionError("FailedPrecondition", message);
}
