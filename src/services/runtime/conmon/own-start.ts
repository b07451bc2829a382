import { closeSync, constants, existsSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { isErrno } from "../../../ground/fs/index.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciSpec } from "../spec/types.ts";
import { runtimeState } from "./remove-leftovers.ts";

/**
 * Whether a container can be started without its OCI runtime. In crun and runc, `start` only opens the other
 * end of the FIFO (`exec.fifo`) at which the first process waits, and removes it. That saves starting a
 * program. Not possible with a `poststart` hook, or with a runtime whose first process waits in an unknown
 * way.
 */
export function canStartByItself({ hooks }: OciSpec, { type }: Pick<RuncLikeHandler, "type">): boolean {
  return type !== "other" && (hooks?.poststart ?? []).length === 0;
}

const startTimeoutMs = 60_000;
/** For a process that is about to wait at the FIFO, which takes only a moment. */
const finishTimeoutMs = 1_000;

/**
 * Releases the first process. First renames the FIFO, which tells {@link finishOwnStart} that a start has
 * begun; from then on, the OCI runtime takes the container for running. Throws RuntimeError: Internal if the
 * FIFO or the process is missing, Canceled, DeadlineExceeded.
 */
export async function startByItself(
  handler: RuncLikeHandler,
  id: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  using deadline = new Deadline(startTimeoutMs, signal);
  deadline.check("start");
  try {
    renameSync(waiting(handler, id), begun(handler, id));
  } catch (cause) {
    const message = `start: ${handler.name} has no container ${id} that waits to be started`;
    throw new RuntimeError("Internal", message, { cause });
  }
  if (await release(handler, id, deadline)) return;
  deadline.check("start");
  throw new RuntimeError("Internal", "start: the container's first process had ended before it was started");
}

/**
 * To be called after a restart of the daemon: returns whether it had begun to start the container, and if so,
 * releases the first process if necessary.
 */
export async function finishOwnStart(handler: RuncLikeHandler, id: string): Promise<boolean> {
  if (!existsSync(begun(handler, id))) return false;
  using deadline = new Deadline(finishTimeoutMs);
  await release(handler, id, deadline);
  return true;
}

function waiting(handler: RuncLikeHandler, id: string): string {
  return join(runtimeState(handler, id), "exec.fifo");
}

function begun(handler: RuncLikeHandler, id: string): string {
  return join(runtimeState(handler, id), "exec.fifo.begun");
}

/** False when no process waits, or the time is over. */
async function release(handler: RuncLikeHandler, id: string, deadline: Deadline): Promise<boolean> {
  const fifo = begun(handler, id);
  const isReleased = handler.type === "crun" ? writeTo(fifo) : await readFrom(fifo, deadline);
  unlinkSync(fifo);
  return isReleased;
}

/** crun's first process holds the FIFO open, and reads a byte from it. */
function writeTo(fifo: string): boolean {
  let fd: number;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENXIO")) return false;
    throw error;
  }
  try {
    writeSync(fd, "\0");
  } finally {
    closeSync(fd);
  }
  return true;
}

/** runc's first process opens the FIFO, for which it waits until this end is open, and writes to it. */
async function readFrom(fifo: string, deadline: Deadline): Promise<boolean> {
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const end = new Socket({ fd, readable: true, writable: false });
  using _stop = deadline.onAbort(() => end.destroy());
  try {
    for await (const _ of end.iterator({ destroyOnReturn: true })) return true;
  } catch (error) {
    if (!deadline.signal.aborted) throw error;
  } finally {
    end.destroy();
  }
  return false;
}
