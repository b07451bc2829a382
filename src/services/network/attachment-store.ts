import { closeSync, fsync, open } from "node:fs";
import { lstat, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { codeOf } from "../../ground/errors/index.ts";
import { ignoreMissing, isErrno } from "../../ground/fs/index.ts";
import { Coalescer } from "../../ground/sync/index.ts";
import { TreeRemover } from "../../ground/trees/index.ts";
import type { Attachment } from "./attachment.ts";
import { parseAttachment } from "./attachment-format.ts";
import { NetworkError } from "./network-error.ts";
import { partialOf } from "./write-attachment.ts";

const suffix = ".json";

/** Suffix of a file being written. If one exists at the start, a daemon ended while it was writing. */
const partialSuffix = partialOf(suffix);

/** Stores attachments in files, one for each pod sandbox, readable only by root. */
export class AttachmentStore implements AsyncDisposable {
  readonly #directory: string;
  /** Sandboxes that may have a file; nobody else writes here. */
  readonly #written: Set<string>;
  /** For directories that somebody has put in place of files. */
  readonly #trees = new TreeRemover();
  /** Syncs of the directory, shared by attachments that are written at the same time. */
  readonly #directorySyncs = new Coalescer(() => syncToDisk(this.#directory));

  private constructor(directory: string, written: readonly string[]) {
    this.#directory = directory;
    this.#written = new Set(written);
  }

  /** Creates the directory if it does not exist. */
  static async open(directory: string): Promise<AttachmentStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const files = await readdir(directory);
    const store = new AttachmentStore(directory, idsOf(files));
    const partial = files.filter((name) => name.endsWith(partialSuffix));
    await Promise.all(partial.map((name) => store.#remove(`${directory}/${name}`)));
    return store;
  }

  /** Atomically replaces the sandbox's file; until {@link sync}, it may be lost in a power failure. */
  async write(attachment: Attachment): Promise<void> {
    const { sandboxId } = attachment.pod;
    const path = this.#path(sandboxId);
    this.#written.add(sandboxId);
    const partial = partialOf(path);
    try {
      await writeFile(partial, JSON.stringify(attachment), { mode: 0o600 });
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  /**
   * Path for a thread that writes the file itself; the sandbox counts as having one from now on. See
   * `writeAttachment`.
   */
  fileOf(sandboxId: string): string {
    const path = this.#path(sandboxId);
    this.#written.add(sandboxId);
    return path;
  }

  /** Resolves when the sandbox's file is durable. */
  async sync(sandboxId: string): Promise<void> {
    await Promise.all([syncToDisk(this.#path(sandboxId)), this.#directorySyncs.run()]);
  }

  /** False if the sandbox certainly has none; does not access the disk. */
  mayHave(sandboxId: string): boolean {
    return this.#written.has(sandboxId);
  }

  /**
   * Undefined if there is none. Throws NetworkError: DataLoss if the file is not a valid attachment, or on
   * disk errors; ResourceExhausted if the daemon has no descriptor or memory left to read it.
   */
  async read(sandboxId: string): Promise<Attachment | undefined> {
    const path = this.#path(sandboxId);
    try {
      // Opening a FIFO would block forever.
      if (!(await lstat(path)).isFile()) throw new Error("it is not a regular file");
      return parseAttachment(await readFile(path, "utf8"), sandboxId);
    } catch (cause) {
      if (isErrno(cause, "ENOENT")) return undefined;
      const code = codeOf(cause) === "ResourceExhausted" ? "ResourceExhausted" : "DataLoss";
      throw new NetworkError(code, `the network attachment in ${path} cannot be read`, { cause });
    }
  }

  /** Not an error if there is none. */
  async remove(sandboxId: string): Promise<void> {
    await this.#remove(this.#path(sandboxId));
    this.#written.delete(sandboxId);
  }

  /** Ids of all sandboxes that have one. */
  async list(): Promise<readonly string[]> {
    return idsOf(await readdir(this.#directory));
  }

  /** The same in the order in which they were attached. */
  async listByAge(): Promise<readonly string[]> {
    const aged = await Promise.all(
      (await this.list()).map(async (sandboxId) => {
        const info = await lstat(this.#path(sandboxId), { bigint: true }).catch(ignoreMissing);
        return { sandboxId, atNs: info?.mtimeNs ?? 0n };
      }),
    );
    return aged
      .sort((one, other) => (one.atNs < other.atNs ? -1 : Number(one.atNs > other.atNs)))
      .map(({ sandboxId }) => sandboxId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trees[Symbol.asyncDispose]();
  }

  async #remove(path: string): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EISDIR") await this.#trees.remove(path);
      else if (code !== "ENOENT") throw error;
    }
  }

  #path(sandboxId: string): string {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/.test(sandboxId)) {
      throw new NetworkError(
        "InvalidArgument",
        `${JSON.stringify(sandboxId)} is not the id of a pod sandbox`,
      );
    }
    return `${this.#directory}/${sandboxId}${suffix}`;
  }
}

function idsOf(files: readonly string[]): readonly string[] {
  return files.filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
}

const openFile = promisify(open);
const syncFile = promisify(fsync);

async function syncToDisk(path: string): Promise<void> {
  const fd = await openFile(path, "r");
  try {
    await syncFile(fd);
  } finally {
    // Nothing was written to it, so this does not wait for the disk.
    closeSync(fd);
  }
}
