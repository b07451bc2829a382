import { once } from "node:events";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import type { ClientOptions } from "./client.ts";
import type { ClientHints } from "./client-hints.ts";
import { UnreachableError } from "./cri-client-error.ts";

/**
 * Connects and hangs up, to say in words why it cannot be done. Throws UnreachableError Unavailable or
 * PermissionDenied.
 */
export async function probeSocket(
  path: string,
  { signal, hints = {} }: Pick<ClientOptions, "signal" | "hints">,
): Promise<void> {
  const socket = connect(path);
  try {
    await once(socket, "connect", { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw explain(path, error, await isSocket(path), hints);
  } finally {
    socket.destroy();
  }
}

/** True also where that cannot be found out. */
async function isSocket(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isSocket(),
    () => true,
  );
}

function explain(
  path: string,
  error: unknown,
  socket: boolean,
  { address, start }: ClientHints,
): UnreachableError {
  const errno = error instanceof Error && "code" in error ? error.code : undefined;
  const fail = (code: "Unavailable" | "PermissionDenied", message: string) =>
    new UnreachableError(code, message, { cause: error });
  const hints = [start, address].filter((hint) => hint !== undefined).join("; ");
  const elsewhere = address === undefined ? "" : `; ${address}`;
  if (!socket) return fail("Unavailable", `${path} is not a socket${elsewhere}`);
  switch (errno) {
    case "ENOENT":
      return fail("Unavailable", `socket ${path} not found: is berthd running? ${hints}`.trimEnd());
    case "ECONNREFUSED":
      return fail("Unavailable", `nothing listens on ${path}: berthd is not running. ${hints}`.trimEnd());
    case "EACCES":
    case "EPERM":
      return fail(
        "PermissionDenied",
        `no permission to use ${path}: run this as root, or let a group use it (address_group in berthd's configuration)`,
      );
    default:
      return fail("Unavailable", `cannot connect to ${path}${elsewhere}`);
  }
}
