import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { type AuthConfig, berthV1 } from "../../../ground/protocol/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import { usageError } from "../errors.ts";
import type { Invocation, Io } from "../invocation.ts";
import { askHidden } from "../login/ask.ts";
import { authFile } from "../login/registries.ts";

/**
 * Adds `--creds`, which takes a user name alone: every user of the machine can read the arguments of its
 * programs.
 */
export function addCredsOption(command: Command): Command {
  return command.option(
    "--creds <user>",
    "user name for the registry; the password is asked for, or read from stdin if that is no terminal",
  );
}

/**
 * Those of a user name, with the password from the terminal or standard input. Without a name, what `berth
 * login` or another tool keeps for the registry of the reference; undefined leaves the choice to berthd.
 */
export async function readCredentials(
  username: string | undefined,
  reference: string,
  invocation: Invocation,
): Promise<Credentials | undefined> {
  const { io } = invocation;
  if (username === undefined) return await keptCredentials(reference, io);
  if (username.includes(":"))
    throw usageError(
      "--creds takes a user name without a password, because other users of the machine could see that: it is asked for, or read from stdin",
    );
  if (username === "") throw usageError("--creds needs a user name");
  const password =
    io.stdin.isTTY === true
      ? await askHidden(`password of ${username}: `, invocation)
      : (await text(io.stdin)).replace(/\r?\n$/, "");
  if (password === "") throw usageError(`no password for ${username} on stdin`);
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
