import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, isAbsolute } from "node:path";
import { makeDirectories } from "../directories/index.ts";
import { ignoreMissing } from "../fs/index.ts";
import { GrpcError } from "./errors.ts";

/** `sun_path` has 108 bytes, the last of which is NUL. */
const maxSocketPathBytes = 107;

/**
 * Prepares a path for a socket: creates its directory, and removes a stale socket. Throws GrpcError
 * InvalidArgument for a path that a socket cannot have, FailedPrecondition if a process is listening there or
 * the path is not a socket; the errors of mkdir(2).
 */
export async function claimSocketPath(path: string): Promise<void> {
  if (!isAbsolute(path)) throw new GrpcError("InvalidArgument", `socket ${path}: the path must be absolute`);
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new GrpcError(
      "InvalidArgument",
      `socket ${path}: the path is longer than ${maxSocketPathBytes} bytes, which the kernel refuses`,
    );
  }
  await makeDirectories(dirname(path), 0o755);
  const existing = await lstat(path).catch(ignoreMissing);
  if (existing === undefined) return;
  if (!existing.isSocket()) {
    throw new GrpcError(
      "FailedPrecondition",
      `socket ${path}: the path is not a socket; remove it or choose another address`,
    );
  }
  if (await isAnswered(path)) {
    throw new GrpcError(
      "FailedPrecondition",
      `socket ${path}: another process is listening on it; stop that process or choose another address`,
    );
  }
  await unlink(path).catch(ignoreMissing);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      // Its queue is full: somebody is listening, but slowly.
      else if (error.code === "EAGAIN") resolve(true);
      else
        reject(
          new GrpcError(
            "Unavailable",
            `socket ${path}: cannot check whether another process is listening on it`,
            {
              cause: error,
            },
          ),
        );
    });
  });
}
