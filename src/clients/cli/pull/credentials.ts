import { text } from "node:stream/consumers";
import { type AuthConfig, berthV1 } from "../../../ground/protocol/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";
import { authFile } from "../login/auth-file.ts";

/**
 * Those of `USER:PASSWORD`; for `USER` alone the password is read from standard input, where other users of
 * the machine cannot see it. Without either, what `berth login` or another tool keeps for the registry of the
 * reference; undefined leaves the choice to berthd.
 */
export async function readCredentials(
  creds: string | undefined,
  reference: string,
  io: Io,
): Promise<Credentials | undefined> {
  if (creds === undefined) return await keptCredentials(reference, io);
  const colon = creds.indexOf(":");
  const username = colon === -1 ? creds : creds.slice(0, colon);
  if (username === "") throw usageError("--creds must be USER or USER:PASSWORD");
  const password = colon === -1 ? (await text(io.stdin)).replace(/\r?\n$/, "") : creds.slice(colon + 1);
  return { kind: "basic", username, password };
}

/**
 * What the user's file, or the credential helper that it names, has for the registry of a reference. Throws
 * RegistryError.
 */
export async function keptCredentials(
  reference: string,
  io: Pick<Io, "env">,
): Promise<Credentials | undefined> {
  const file = authFile(io);
  if (file === undefined) return undefined;
  // Loaded here, so that commands which need none start without it.
  const { OciFormatError, parseReference } = await import("../../../parts/oci/index.ts");
  const { dockerConfigCredentials } = await import("../../../parts/registry/index.ts");
  try {
    const { host, repository } = parseReference(reference);
    return await dockerConfigCredentials(file, host, repository, undefined);
  } catch (error) {
    // An id of an image, or something that the daemon will refuse in better words.
    if (error instanceof OciFormatError) return undefined;
    throw error;
  }
}

/** For berth.v1. */
export function credentialsMessage(credentials: Credentials | undefined): berthV1.Credentials | undefined {
  if (credentials === undefined) return undefined;
  return berthV1.Credentials.fromPartial(
    credentials.kind === "basic"
      ? { basic: { username: credentials.username, password: credentials.password } }
      : { [credentials.kind]: credentials.token },
  );
}

/** For the CRI. */
export function authConfig(credentials: Credentials): Partial<AuthConfig> {
  if (credentials.kind === "basic") return { username: credentials.username, password: credentials.password };
  return { [credentials.kind]: credentials.token };
}
