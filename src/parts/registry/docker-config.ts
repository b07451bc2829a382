import { readFile } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { isRecord } from "../../ground/json/index.ts";
import { askCredentialHelper } from "./credential-helper.ts";
import { isDockerHub, isSameHost } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { isForHost, isHostPattern } from "./host-pattern.ts";
import type { Credentials } from "./registry.ts";

export type Table = Readonly<Record<string, unknown>>;

/**
 * Credentials for a repository of `host` from a file in the form of docker's config.json: its credential
 * helpers, else `auths`, where a key may also be `host/path` and have patterns in its host; the longest path
 * that fits counts. No file, no credentials. Throws RegistryError InvalidArgument when the file is not what
 * it should be.
 */
export async function dockerConfigCredentials(
  file: string,
  host: string,
  repository: string,
  signal: AbortSignal | undefined,
): Promise<Credentials | undefined> {
  const config = await readConfig(file);
  if (config === undefined) return undefined;
  const helper = helperFor(config, host);
  if (helper !== undefined) {
    const found = await askCredentialHelper(helper, serverKey(host), signal);
    if (found !== undefined) return found;
  }
  return authsCredentials(asTable(config.auths), file, host, repository)[0];
}

/**
 * All that fit of a table of `auths` alone, in the order to try them: longer paths first, then names before
 * patterns. `where` it is, for errors.
 */
export function authsCredentials(
  auths: Table,
  where: string,
  host: string,
  repository: string,
): readonly Credentials[] {
  const candidates = Object.entries(auths)
    .map(([key, entry]) => ({ scope: scopeOf(key), entry: asTable(entry) }))
    .filter(({ scope }) => covers(scope, host, repository))
    .sort(
      ({ scope: a }, { scope: b }) =>
        b.path.length - a.path.length || Number(isHostPattern(a.host)) - Number(isHostPattern(b.host)),
    );
  return candidates.flatMap(({ entry }) => credentialsOf(entry, where, host) ?? []);
}

/** What docker calls a registry in its file and to its helpers. */
export function serverKey(host: string): string {
  return isDockerHub(host) ? "https://index.docker.io/v1/" : host;
}

/** Whether a key of `auths` is for all of a host. */
export function isKeyOf(key: string, host: string): boolean {
  const scope = scopeOf(key);
  return scope.path === "" && isSameHost(scope.host, host);
}

/** What is in the file; undefined without one. Throws RegistryError. */
export async function readConfig(file: string): Promise<Table | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new RegistryError("FailedPrecondition", `reading ${file}`, { cause });
  }
  try {
    return asTable(JSON.parse(text));
  } catch {
    // The parser's message quotes the text, which holds passwords: it is left out.
    throw new RegistryError("InvalidArgument", `${file}: not JSON`);
  }
}

/** The credential helper that is named for a host. */
export function helperFor(config: Table, host: string): string | undefined {
  const helpers = asTable(config.credHelpers);
  const aliases = isDockerHub(host)
    ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io", host]
    : [host];
  const named = aliases.map((alias) => helpers[alias]).find((name) => typeof name === "string");
  const name = named ?? config.credsStore;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** `https://index.docker.io/v1/`, `registry.example:5000`, `registry.example/team`. */
function scopeOf(key: string): { readonly host: string; readonly path: string } {
  const bare = key.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const slash = bare.indexOf("/");
  const host = slash === -1 ? bare : bare.slice(0, slash);
  const path = slash === -1 ? "" : bare.slice(slash + 1);
  return { host, path: path === "v1" || path === "v2" ? "" : path };
}

function covers(
  scope: { readonly host: string; readonly path: string },
  host: string,
  repository: string,
): boolean {
  const sameHost = isForHost(scope.host, host);
  return (
    sameHost && (scope.path === "" || repository === scope.path || repository.startsWith(`${scope.path}/`))
  );
}

function credentialsOf(entry: Table, file: string, host: string): Credentials | undefined {
  const { identitytoken, registrytoken, username, password, auth } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { kind: "identityToken", token: identitytoken };
  if (typeof registrytoken === "string" && registrytoken !== "")
    return { kind: "registryToken", token: registrytoken };
  if (typeof auth === "string" && auth !== "") {
    const decoded = Buffer.from(auth, "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon === -1)
      throw new RegistryError("InvalidArgument", `${file}: auth of ${host} is not base64 of user:password`);
    return { kind: "basic", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  if (typeof username !== "string" || username === "" || typeof password !== "string") return undefined;
  return { kind: "basic", username, password };
}

export function asTable(value: unknown): Table {
  return isRecord(value) ? value : {};
}
