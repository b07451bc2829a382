import { once } from "node:events";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { CliError, exitCode } from "../errors.ts";
import { defaultAddress } from "./address.ts";

/** Connects and hangs up, to say in words why it cannot be done. Throws CliError Unavailable or PermissionDenied. */
export async function probeSocket(path: string, signal: AbortSignal): Promise<void> {
  const socket = connect(path);
  try {
    await once(socket, "connect", { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw explain(path, error, await isSocket(path));
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

function explain(path: string, error: unknown, socket: boolean): CliError {
  const errno = error instanceof Error && "code" in error ? error.code : undefined;
  const fail = (code: "Unavailable" | "PermissionDenied", message: string) =>
    new CliError(code, message, { cause: error, exitCode: exitCode.unreachable });
  const elsewhere = "--address or BERTH_ADDRESS names another socket";
  if (!socket) return fail("Unavailable", `${path} is no socket; ${elsewhere}`);
  switch (errno) {
    case "ENOENT":
      return fail(
        "Unavailable",
        `there is no socket at ${path}: is berthd running? ${startHint(path)}${elsewhere}`,
      );
    case "ECONNREFUSED":
      return fail(
        "Unavailable",
        `nothing listens on ${path} any more: berthd has ended. ${startHint(path)}${elsewhere}`,
      );
    case "EACCES":
    case "EPERM":
      return fail(
        "PermissionDenied",
        `no permission to use ${path}: run this as root; berthd's configuration can let a group in (address_group)`,
      );
    default:
      return fail("Unavailable", `cannot connect to ${path}; ${elsewhere}`);
  }
}

function startHint(path: string): string {
  return path === defaultAddress ? "Start it with `systemctl start berthd`; " : "";
}
