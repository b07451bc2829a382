import { watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../ground/clock/index.ts";
import { messageOf } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { describeProblem, type Manifest, readManifests } from "../manifests/index.ts";
import type { Manager } from "./manager.ts";
import { keyOf, titleOf } from "./objects.ts";

/** A kubelet's interval for reading files again without an event. */
const lookMs = 20_000;
const endings = [".yaml", ".yml", ".json"];

export type ManifestDirectoriesOptions = {
  readonly manager: Manager;
  readonly directories: readonly string[];
  readonly clock: Clock;
  /** Called for an invalid file; its previous objects stay. */
  readonly onProblem: (path: string, message: string) => void;
  /** Something in a file has no effect here. */
  readonly onWarning: (path: string, message: string) => void;
};

/**
 * Applies the manifests in directories, and removes objects whose manifests are gone, as a kubelet does with
 * static pods.
 */
export class ManifestDirectories implements AsyncDisposable {
  readonly #options: ManifestDirectoriesOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(options: ManifestDirectoriesOptions) {
    this.#options = options;
    this.#running = Promise.all(options.directories.map((directory) => this.#follow(directory)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #follow(directory: string): Promise<void> {
    const { signal } = this.#closing;
    let seen = "";
    while (!signal.aborted) {
      const changed = new AbortController();
      const watching = AbortSignal.any([signal, changed.signal]);
      watchDirectory(directory, watching, () => changed.abort());
      try {
        const files = await filesIn(directory);
        const now = JSON.stringify(files);
        if (now !== seen && (await this.#apply(directory, files))) seen = now;
      } catch (error) {
        this.#options.onProblem(directory, messageOf(error));
      }
      await this.#options.clock.wait(lookMs, watching).catch(() => {});
      changed.abort();
    }
  }

  /** Returns false if something has to be retried. */
  async #apply(
    directory: string,
    files: readonly (readonly [path: string, text: string])[],
  ): Promise<boolean> {
    const { manager, onProblem, onWarning } = this.#options;
    const wanted = new Map<string, Manifest>();
    let complete = true;
    for (const [file, text] of files) {
      try {
        const { manifests, warnings } = readManifests([{ file, text }]);
        for (const warning of warnings) onWarning(file, describeProblem(warning));
        for (const manifest of manifests)
          wanted.set(titleOf({ kind: manifest.kind, ...manifest.metadata }), manifest);
      } catch (error) {
        complete = false;
        onProblem(file, messageOf(error));
      }
    }
    const others = new Set(
      manager
        .list()
        .filter(({ source }) => source !== directory)
        .map((object) => titleOf(keyOf(object))),
    );
    let isDone = true;
    for (const [title, manifest] of wanted) {
      if (others.has(title)) {
        onProblem(directory, `${title} already exists, and not from this directory`);
        continue;
      }
      try {
        await manager.apply([manifest], { source: directory, replace: true });
      } catch (error) {
        isDone = false;
        onProblem(directory, messageOf(error));
      }
    }
    if (!complete) return isDone;
    for (const object of manager.list())
      if (object.source === directory && !wanted.has(titleOf(keyOf(object))))
        await manager.delete(keyOf(object));
    return isDone;
  }
}

/** The files of a directory; none if it does not exist. */
async function filesIn(directory: string): Promise<readonly (readonly [string, string])[]> {
  try {
    const names = await readdir(directory);
    const wanted = names.filter(
      (name) => !name.startsWith(".") && endings.some((ending) => name.endsWith(ending)),
    );
    return await Promise.all(
      wanted.sort().map(async (name) => {
        const path = join(directory, name);
        return [path, await readFile(path, "utf8")] as const;
      }),
    );
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Without inotify, changes are seen at the next interval. */
function watchDirectory(directory: string, signal: AbortSignal, onChange: () => void): void {
  try {
    watch(directory, { signal }, onChange).on("error", () => {});
  } catch {
    return;
  }
}
