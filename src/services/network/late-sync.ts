import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";

/** Files that are written one soon after the other share a sync of their directory. */
const delayMs = 20;

/**
 * Has files reach the disk shortly after they were written, on the calling thread, which may wait. Nobody
 * waits for it: it is for what a machine that fails before that can do without.
 */
export class LateSync {
  readonly #written = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `path` was written, and perhaps made. */
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

/** A file that is gone was removed meanwhile; a disk that fails says so to those who wait for it. */
function syncNow(path: string): void {
  try {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Thrown from a timer, it would end the thread, and with it the networks of pods that are well.
  }
}
