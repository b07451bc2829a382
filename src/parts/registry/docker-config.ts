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
 * Finds credentials for a repository of `host` in a file in the format of docker's config.json: from its
 * credential helpers, or from `auths`, where a key may also be `host/path`, with patterns in the host; the
 * longest matching path is used. A missing file has no credentials. Throws RegistryError InvalidArgument if
 * the file is not valid.
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
 * All matching credentials in a table of `auths`, in the order in which to try them: longer paths first, then
 * names before patterns. `where` names the table in errors.
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

/** The name that docker uses for a registry in its file and with its helpers. */
export function serverKey(host: string): string {
  return isDockerHub(host) ? "https://index.docker.io/v1/" : host;
}

/** Whether a key of `auths` is for a whole host. */
export function isKeyOf(key: string, host: string): boolean {
  const scope = scopeOf(key);
  return scope.path === "" && isSameHost(scope.host, host);
}

/** Reads the file; undefined if it does not exist. Throws RegistryError. */
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
    // The parser's message is left out, as it quotes the text, which contains passwords.
    throw new RegistryError("InvalidArgument", `${file}: not JSON`);
  }
}

/** The credential helper for a host, if there is one. */
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
