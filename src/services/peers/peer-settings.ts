import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { messageOf } from "../../ground/errors/index.ts";
import { isLoopback, type PeerAccess, PeerError } from "./peer.ts";
import { parseHostPort } from "./peer-addresses.ts";

/** `[images.peers]` of the configuration. */
export type PeerSettings = {
  /** `ADDRESS:PORT`, or "" for no server. */
  readonly listen: string;
  readonly from: readonly string[];
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly serverName: string;
  readonly maxUploads: number;
  readonly timeoutMs: number;
};

/** Clients need the token or, without one, a certificate of the authority. */
export type ServerSettings = {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly clients:
    | { readonly kind: "token"; readonly token: string }
    | { readonly kind: "certificate"; readonly ca: string };
  readonly maxUploads: number;
  readonly timeoutMs: number;
};

type Files = Readonly<Record<"certificate" | "key" | "ca" | "token", string | undefined>>;

const shortestToken = 16;

/**
 * Reads the files in the settings. Throws PeerError FailedPrecondition if one is unusable, or if the settings
 * would admit any client, or send something unencrypted over a network.
 */
export async function readPeerSettings(
  settings: PeerSettings,
): Promise<{ readonly server: ServerSettings | undefined; readonly access: PeerAccess }> {
  const files: Files = {
    certificate: await readOptional(settings.certificateFile),
    key: await readOptional(settings.keyFile),
    ca: await readOptional(settings.caFile),
    token: settings.tokenFile === "" ? undefined : await readToken(settings.tokenFile),
  };
  if ((files.certificate === undefined) !== (files.key === undefined))
    throw wrong("certificate_file and key_file are needed together");
  if (files.token === undefined && (files.ca === undefined || files.certificate === undefined))
    throw wrong(
      "needs token_file, or certificate_file, key_file and ca_file, so that not everyone can request blobs",
    );
  const { certificate, key, ca, token } = files;
  const access: PeerAccess = {
    ca,
    identity: certificate === undefined || key === undefined ? undefined : { certificate, key },
    token,
    serverName: settings.serverName === "" ? undefined : settings.serverName,
    timeoutMs: settings.timeoutMs,
  };
  return { server: settings.listen === "" ? undefined : serverSettings(settings, files), access };
}

function serverSettings(
  { listen, maxUploads, timeoutMs }: PeerSettings,
  { certificate, key, ca, token }: Files,
): ServerSettings {
  const { host, port } = parseHostPort(listen);
  if (isIP(host) === 0) throw wrong(`listen: ${JSON.stringify(host)} is not an IP address`);
  const tls = certificate === undefined || key === undefined ? undefined : { certificate, key };
  if (tls === undefined && !isLoopback(host))
    throw wrong(`listen: ${host} needs certificate_file and key_file; only loopback works without them`);
  if (token !== undefined)
    return { host, port, tls, clients: { kind: "token", token }, maxUploads, timeoutMs };
  if (ca === undefined) throw wrong("listen needs token_file or ca_file");
  return { host, port, tls, clients: { kind: "certificate", ca }, maxUploads, timeoutMs };
}

async function readOptional(path: string): Promise<string | undefined> {
  if (path === "") return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw wrong(`cannot read ${path}: ${messageOf(error)}`);
  }
}

async function readToken(path: string): Promise<string> {
  const token = (await readOptional(path))?.trim() ?? "";
  if (((await stat(path)).mode & 0o077) !== 0)
    throw wrong(`${path} is readable by other users; make it private (chmod 600)`);
  if (token.length < shortestToken || /[^\x21-\x7e]/.test(token))
    throw wrong(`${path}: expected a token of at least ${shortestToken} printable ASCII characters`);
  return token;
}

function wrong(message: string): PeerError {
  return new PeerError("FailedPrecondition", `images.peers: ${message}`);
}
