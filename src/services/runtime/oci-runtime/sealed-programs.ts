import { closeSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { sealedProgram } from "../../../ground/linux/index.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";

type Copy = { readonly version: string; readonly fd: Promise<number> };

/**
 * Copies of crun in sealed memory, to start in place of the file. Lest a container writes to it through
 * /proc, crun runs from a copy or mount of itself that cannot be written to, which it makes and executes each
 * time it is started (CVE-2019-5736); one that is started from sealed memory finds that done, and takes half
 * the time. runc would need ten MiB and gains little.
 *
 * Disposing of it closes the copies; what runs from them runs on.
 */
export class SealedPrograms implements Disposable {
  readonly #copies = new Map<string, Copy>();
  readonly #outdated: Copy[] = [];

  /** What to start for a handler: the path of a copy that is as new as the file, or of the file. */
  async pathFor({ type, path }: Pick<RuncLikeHandler, "type" | "path">): Promise<string> {
    if (type !== "crun") return path;
    try {
      return `/proc/${process.pid}/fd/${await this.#copyOf(path).fd}`;
    } catch {
      // Whoever starts the file hears what is wrong with it; and where there can be no copy it does its own
      // work.
      return path;
    }
  }

  #copyOf(path: string): Copy {
    // A microsecond, where asking libuv's pool takes a tenth of a millisecond of each start.
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    const version = [dev, ino, size, mtimeMs, ctimeMs].join(" ");
    const known = this.#copies.get(path);
    if (known?.version === version) return known;
    const copy = { version, fd: readFile(path).then((content) => sealedProgram("crun", content)) };
    // Whoever waits for it hears of a failure; it is tried again by the next.
    copy.fd.catch(() => this.#forget(path, copy));
    this.#copies.set(path, copy);
    // A conmon that was just started may not have come to it yet.
    if (known !== undefined) this.#outdated.push(known);
    return copy;
  }

  #forget(path: string, copy: Copy): void {
    if (this.#copies.get(path) === copy) this.#copies.delete(path);
  }

  [Symbol.dispose](): void {
    for (const { fd } of [...this.#copies.values(), ...this.#outdated]) fd.then(closeSync, () => undefined);
    this.#copies.clear();
    this.#outdated.length = 0;
  }
}
