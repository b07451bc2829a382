import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { JoinedCalls } from "../../ground/sync/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { readEntries } from "../../parts/tar/index.ts";
import type { UserDatabase } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";
import { readerOf } from "./names-and-labels.ts";
import { orNotFound } from "./or-not-found.ts";

type Client = Pick<DockerClient, "createContainer" | "removeContainer" | "containerFile">;

/** Of this many images they are kept in memory. */
const maxKept = 100;
/** As the native engine's: no file of users is longer. */
const maxBytes = 8 * 1024 * 1024;
/** As the kernel's own limit (path_resolution(7)). */
const maxLinks = 40;

/**
 * The users and groups of images. Docker looks them up itself when a container starts, but gives nobody the
 * groups of an image beside a group that is asked for, and cannot leave them out without one.
 */
export class ImageUsers {
  readonly #client: Client;
  readonly #kept = new Map<string, UserDatabase>();
  readonly #reads = new JoinedCalls<UserDatabase>();

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Asked of Docker once for each image, by a container that never runs. Throws EngineError
   * FailedPrecondition for files that are none.
   */
  of(imageId: string): Promise<UserDatabase> {
    const kept = this.#kept.get(imageId);
    return kept === undefined
      ? this.#reads.join(imageId, "", () => this.#read(imageId))
      : Promise.resolve(kept);
  }

  async #read(imageId: string): Promise<UserDatabase> {
    const { name, labels } = readerOf(randomUUID());
    const id = await this.#client.createContainer(name, {
      Image: imageId,
      Labels: labels,
      // An image need not have one, and Docker wants one.
      Entrypoint: ["none"],
      HostConfig: { NetworkMode: "none", IpcMode: "private", PidMode: "" },
    });
    await using _ = { [Symbol.asyncDispose]: () => this.#remove(id) };
    const passwd = await this.#text(id, "/etc/passwd");
    const group = await this.#text(id, "/etc/group");
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(imageId, { passwd, group });
    return { passwd, group };
  }

  /** A connection that is made again has it removed as something half-made. */
  async #remove(id: string): Promise<void> {
    await orNotFound(this.#client.removeContainer(id));
  }

  /** Links lead nowhere but into the image: Docker looks for a path below its root. */
  async #text(id: string, file: string): Promise<string> {
    let path = file;
    for (let links = 0; links <= maxLinks; links++) {
      const found = await this.#look(id, path);
      if (typeof found === "string") return found;
      path = posix.resolve(posix.dirname(path), found.link);
    }
    throw new EngineError("FailedPrecondition", `image: too many symbolic links in ${file}`);
  }

  async #look(id: string, path: string): Promise<string | { readonly link: string }> {
    const archive = await orNotFound(this.#client.containerFile(id, path));
    if (archive === undefined) return "";
    for await (const { entry, content } of readEntries(archive)) {
      if (entry.kind === "symlink") return { link: Buffer.from(entry.target, "latin1").toString() };
      if (entry.kind !== "file" || entry.content.sizeBytes > maxBytes) break;
      return Buffer.concat(await Array.fromAsync(content)).toString();
    }
    throw new EngineError("FailedPrecondition", `image: ${path} is not a regular file of reasonable size`);
  }
}
