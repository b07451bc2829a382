import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import {
  defaultDialTimeoutMs,
  type Endpoint,
  isDockerHub,
  isLoopback,
  type TlsSettings,
} from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { type HostEntry, parseHostsToml } from "./hosts-toml.ts";
import type { RegistryOptions } from "./registry.ts";

/**
 * The endpoints that serve `host`'s repositories, in the order in which to try them: the mirrors in its
 * hosts.toml, then the registry itself. Without a hosts.toml, the directory may have certificates in Docker's
 * layout (`*.crt` for CAs, `*.cert` and `*.key` for the client). The rules are containerd's.
 */
export async function endpointsFor(
  host: string,
  { headers, ...options }: Pick<RegistryOptions, "certsDirs" | "plainHttp" | "headers">,
): Promise<readonly Endpoint[]> {
  const configured = await configuredEndpoints(host, options);
  if (headers === undefined) return configured;
  return configured.map((each) => ({ ...each, headers: { ...headers, ...each.headers } }));
}

async function configuredEndpoints(
  host: string,
  { certsDirs, plainHttp = false }: Pick<RegistryOptions, "certsDirs" | "plainHttp">,
): Promise<readonly Endpoint[]> {
  if (!URL.canParse(`https://${host}/`))
    throw new RegistryError("InvalidArgument", `${host} is not a registry address: ports end at 65535`);
  const directory = await findHostDirectory(host, certsDirs);
  if (directory === undefined)
    return [plainHttp ? endpoint(bareEntry, `http://${host}/v2`, host, true) : ownEndpoint(host, bareEntry)];
  const file = join(directory.path, "hosts.toml");
  const text = await readIfThere(file);
  if (text === undefined || text.trim() === "")
    return [ownEndpoint(host, await certificateFiles(directory.path))];
  const { entries } = parseHostsToml(text, file, directory.path);
  return entries.map((entry, index) => {
    if (entry.base === undefined) return ownEndpoint(host, entry);
    // A `server` in this host's own file is the registry; one in _default is for any host.
    const isServer = index === entries.length - 1 && directory.specific;
    return endpoint(entry, entry.base, host, isServer);
  });
}

const bareEntry: HostEntry = {
  base: undefined,
  capabilities: new Set(["pull", "resolve", "push"]),
  tls: {},
  headers: {},
  dialTimeoutMs: undefined,
};

async function findHostDirectory(
  host: string,
  certsDirs: readonly string[],
): Promise<{ readonly path: string; readonly specific: boolean } | undefined> {
  // `host_port_` is for file systems that do not allow colons.
  const names = [host.replace(/:(\d+)$/, "_$1_").replaceAll(":", ""), host, "_default"];
  for (const root of certsDirs) {
    for (const name of names) {
      const path = join(root, name);
      if (await isDirectory(path)) return { path, specific: name !== "_default" };
    }
  }
  return undefined;
}

function endpoint(entry: HostEntry, base: string, registryHost: string, isServer: boolean): Endpoint {
  const url = new URL(base);
  const hasTls = Object.keys(entry.tls).length > 0;
  // http:// with TLS settings is ambiguous, unless the port decides.
  const ambiguous = url.protocol === "http:" && hasTls && url.port !== "";
  return {
    base: ambiguous ? base.replace(/^http:/, "https:") : base,
    host: url.host,
    role: isServer || url.host === registryHost ? "registry" : "mirror",
    resolves: entry.capabilities.has("resolve"),
    pulls: entry.capabilities.has("pull"),
    pushes: entry.capabilities.has("push"),
    tls: completeTls(entry.tls, false),
    headers: entry.headers,
    dialTimeoutMs: entry.dialTimeoutMs ?? defaultDialTimeoutMs,
    plainHttpFallback: ambiguous,
  };
}

/** The registry itself, if no URL is configured for it. */
function ownEndpoint(host: string, entry: HostEntry): Endpoint {
  if (isDockerHub(host)) return endpoint(entry, "https://registry-1.docker.io/v2", host, true);
  if (!isLoopback(host)) return endpoint(entry, `https://${host}/v2`, host, true);
  const port = /:(\d+)$/.exec(host)?.[1] ?? "";
  if (port === "80") return endpoint({ ...entry, tls: {} }, `http://${host}/v2`, host, true);
  return {
    ...endpoint(entry, `https://${host}/v2`, host, true),
    // Only this machine can answer on a loopback address, so its certificate is verified only if a CA is
    // configured.
    tls: completeTls(entry.tls, entry.tls.caFiles === undefined),
    plainHttpFallback: port !== "" && port !== "443" && entry.tls.caFiles === undefined,
  };
}

function completeTls(tls: Partial<TlsSettings>, skipVerify: boolean): TlsSettings {
  return { caFiles: [], clientPairs: [], skipVerify, ...tls };
}

async function certificateFiles(directory: string): Promise<HostEntry> {
  const names = (await readdir(directory)).sort();
  const caFiles = names.filter((name) => name.endsWith(".crt")).map((name) => join(directory, name));
  const clientPairs = names
    .filter((name) => name.endsWith(".cert"))
    .map((name) => {
      const key = name.replace(/\.cert$/, ".key");
      return [join(directory, name), names.includes(key) ? join(directory, key) : undefined] as const;
    });
  const tls = {
    ...(caFiles.length > 0 ? { caFiles } : {}),
    ...(clientPairs.length > 0 ? { clientPairs } : {}),
  };
  return { ...bareEntry, tls };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    if (isErrno(cause, "ENOENT", "ENOTDIR")) return false;
    throw new RegistryError("FailedPrecondition", `reading ${path}`, { cause });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT", "ENOTDIR")) return undefined;
    throw new RegistryError("FailedPrecondition", `reading ${path}`, { cause });
  }
}
