import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";

/** Files written shortly after one another share a sync of their directory. */
const delayMs = 20;

/**
 * Syncs files shortly after they were written, on the calling thread, which may block. Nobody waits for the
 * result: only for files whose loss in a power failure is acceptable.
 */
export class LateSync {
  readonly #written = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `path` was written, and perhaps created. */
  add(path: string): void {
    this.#written.add(path);
    this.#timer ??= setTimeout(() => this.#sync(), delayMs).unref();
  }

  #sync(): void {
    this.#timer = undefined;
    const files = [...this.#written];
    this.#written.clear();
    for (const path of new Set([...files, ...files.map(dirname)])) syncNow(path);
  }
}

/** A missing file was removed in the meantime; disk errors are reported to those who wait for the disk. */
function syncNow(path: string): void {
  try {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // An exception in a timer would end the thread, and with it the networking of healthy pods.
  }
}
