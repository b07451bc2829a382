import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { JoinedCalls } from "../../ground/sync/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { readEntries } from "../../parts/tar/index.ts";
import type { UserDatabase } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";
import { readerOf } from "./names-and-labels.ts";
import { orNotFound } from "./requests.ts";

type Client = Pick<DockerClient, "createContainer" | "removeContainer" | "containerFile">;

/** Number of images whose users are cached. */
const maxKept = 100;
/** Maximum size of /etc/passwd and /etc/group, the same as in the native engine. */
const maxBytes = 8 * 1024 * 1024;
/** The kernel's own limit (path_resolution(7)). */
const maxLinks = 40;

/**
 * The users and groups of images. Docker looks them up itself when a container starts, but its API cannot
 * combine the groups of the image with a requested group, nor leave them out if no group is requested.
 */
export class ImageUsers {
  readonly #client: Client;
  readonly #kept = new Map<string, UserDatabase>();
  readonly #reads = new JoinedCalls<UserDatabase>();

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Read once per image, from a container that never runs. Throws EngineError FailedPrecondition if a path is
   * not a regular file.
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
      // Docker requires an entrypoint, which an image may lack.
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

  /** Removes the container. If that fails, the next connection removes it as unfinished. */
  async #remove(id: string): Promise<void> {
    await orNotFound(this.#client.removeContainer(id));
  }

  /**
   * Follows links. They cannot leave the image, because Docker resolves a path below the container's root.
   */
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
