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
 * Whether a container can be started without its OCI runtime: what `start` does in crun and runc is to open
 * the other end of the FIFO (`exec.fifo`) before which the first process waits, and to remove it. That saves
 * the start of a program. Not where a hook is to be run then (`poststart`), nor with a runtime of which it is
 * not known how its first process waits.
 */
export function canStartByItself({ hooks }: OciSpec, { type }: Pick<RuncLikeHandler, "type">): boolean {
  return type !== "other" && (hooks?.poststart ?? []).length === 0;
}

const startTimeoutMs = 60_000;
/** Of a process that is about to wait: it needs a moment at most. */
const finishTimeoutMs = 1_000;

/**
 * Lets the first process go on. Before that the FIFO gets another name, by which {@link finishOwnStart} sees
 * that a start was begun; the OCI runtime takes the container for running from then on. Throws RuntimeError:
 * Internal when the FIFO or the process is not there, Canceled, DeadlineExceeded.
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
 * After a restart of the daemon: whether it had begun to start the container. Then the first process goes on,
 * if it was not let go before.
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
