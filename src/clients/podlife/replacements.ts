import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../ground/fs/index.ts";
import { podDirectory } from "../podspec/index.ts";
import type { ObservedContainer, ObservedPod } from "./observe.ts";
import type { PodWork } from "./pod-work.ts";

/**
 * Containers that are stopped to be replaced by ones with another image. The restart policy decides about
 * containers that have ended, but not about these; so they are recorded before they are stopped, for the next
 * worker after a crash.
 */
export class Replacements {
  readonly #work: Pick<PodWork, "pod" | "context">;
  #begun: Set<string> | undefined;

  constructor(work: Pick<PodWork, "pod" | "context">) {
    this.#work = work;
  }

  async begin({ id }: ObservedContainer): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await writeFile(join(this.#directory, id), "", { mode: 0o600 });
    (await this.#known()).add(id);
  }

  async end({ id }: Pick<ObservedContainer, "id">): Promise<void> {
    await rm(join(this.#directory, id), { force: true });
    (await this.#known()).delete(id);
  }

  /**
   * The recorded containers that have stopped. One that still runs is forgotten: nobody stops it any more.
   */
  async stopped({ containers }: ObservedPod): Promise<readonly ObservedContainer[]> {
    const there = new Map([...containers.values()].flat().map((one) => [one.id, one]));
    const stopped: ObservedContainer[] = [];
    for (const id of await this.#known()) {
      const observed = there.get(id);
      if (observed?.state === "exited") stopped.push(observed);
      else await this.end({ id });
    }
    return stopped;
  }

  get #directory(): string {
    return join(podDirectory(this.#work.context, this.#work.pod), "replacements");
  }

  async #known(): Promise<Set<string>> {
    this.#begun ??= new Set(await readdir(this.#directory).catch(ignoreMissing));
    return this.#begun;
  }
}
