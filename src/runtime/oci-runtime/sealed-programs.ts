import { closeSync, readFileSync, statSync } from "node:fs";
import { sealedProgram } from "../../linux/index.ts";
import type { Handler } from "../handlers/handler.ts";

type Copy = { readonly version: string; readonly fd: number };

/**
 * Copies of crun in sealed memory, to start in place of the file. Lest a container writes to it through /proc, crun runs
 * from a copy or mount of itself that cannot be written to, which it makes and executes each time it is started (CVE-2019-5736);
 * one that is started from sealed memory finds that done, and takes half the time. runc would need ten MiB and gains little.
 *
 * Disposing of it closes the copies; what runs from them runs on.
 */
export class SealedPrograms implements Disposable {
  readonly #copies = new Map<string, Copy>();
  readonly #outdated: Copy[] = [];

  /** What to start for a handler: the path of a copy that is as new as the file, or of the file. */
  pathFor({ type, path }: Pick<Handler, "type" | "path">): string {
    if (type !== "crun") return path;
    try {
      return `/proc/${process.pid}/fd/${this.#copyOf(path).fd}`;
    } catch {
      // Whoever starts the file hears what is wrong with it; and where there can be no copy it does its own work.
      return path;
    }
  }

  #copyOf(path: string): Copy {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    const version = [dev, ino, size, mtimeMs, ctimeMs].join(" ");
    const known = this.#copies.get(path);
    if (known?.version === version) return known;
    const copy = { version, fd: sealedProgram("crun", readFileSync(path)) };
    this.#copies.set(path, copy);
    // A conmon that was just started may not have come to it yet.
    if (known !== undefined) this.#outdated.push(known);
    return copy;
  }

  [Symbol.dispose](): void {
    for (const { fd } of [...this.#copies.values(), ...this.#outdated]) closeSync(fd);
    this.#copies.clear();
    this.#outdated.length = 0;
  }
}
