import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Attachment } from "./attachment.ts";
import { isRecord } from "./json.ts";
import { NetworkError } from "./network-error.ts";

const suffix = ".json";

/** The files in which attachments are written down, one for each pod sandbox, readable by root alone. */
export class AttachmentStore {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory when it is not there. */
  static async open(directory: string): Promise<AttachmentStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new AttachmentStore(directory);
  }

  /** Replaces what was written for that sandbox, in one step. */
  async write(attachment: Attachment): Promise<void> {
    const path = this.#path(attachment.pod.sandboxId);
    await writeFile(`${path}.new`, JSON.stringify(attachment), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Undefined when nothing is written. Throws NetworkError DataLoss when it cannot be read (the machine crashed). */
  async read(sandboxId: string): Promise<Attachment | undefined> {
    const path = this.#path(sandboxId);
    try {
      return parse(await readFile(path, "utf8"));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new NetworkError("DataLoss", `the network attachment in ${path} cannot be read`, { cause });
    }
  }

  /** No error when there is none. */
  async remove(sandboxId: string): Promise<void> {
    await rm(this.#path(sandboxId), { force: true });
  }

  /** The ids of all sandboxes that have one. */
  async list(): Promise<readonly string[]> {
    const files = await readdir(this.#directory);
    return files.filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
  }

  #path(sandboxId: string): string {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/.test(sandboxId)) {
      throw new NetworkError("InvalidArgument", `${JSON.stringify(sandboxId)} is no id of a pod sandbox`);
    }
    return `${this.#directory}/${sandboxId}${suffix}`;
  }
}

/** The files are this class's own; what a crash can do to them is to cut them off. */
function parse(text: string): Attachment {
  const value: unknown = JSON.parse(text);
  if (isRecord(value) && isRecord(value.pod) && Array.isArray(value.networks)) return value as Attachment;
  throw new Error("it is no attachment");
}
