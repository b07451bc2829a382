import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { type CgroupLayout, mountInfo, unmount } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { ContainerDetails, DockerClient } from "../../parts/dockerapi/index.ts";
import {
  hasCgroup,
  isUnfinishedFile,
  podCgroup,
  removeCgroup,
  replaceFile,
} from "../../services/runtime/index.ts";
import { endShim, findShims, type Shim } from "./forgotten-shims.ts";
import { orNotFound } from "./requests.ts";

export type RemovedContainersOptions = {
  /** For the records; on a tmpfs. It is created when needed. */
  readonly directory: string;
  readonly client: Pick<DockerClient, "container">;
  readonly cgroups: CgroupLayout;
  readonly cgroupDriver: () => Promise<"systemd" | "cgroupfs">;
  readonly logger: Logger;
  /** How long after its removal containerd and the OCI runtime may be cleaning up; 5 s by default. */
  readonly graceMs?: number;
};

/**
 * How the mount of its own program is called that runc 1.1 has for a moment in a container's directory, at
 * "create" and at each command.
 */
const ownProgram = "runc.";

/** What may stay of a container. */
type Left = { readonly shims: readonly Shim[]; readonly mounts: readonly string[]; readonly cgroup: string };

type Removed = { readonly id: string; readonly cgroupParent: string };

/**
 * Removes what stays of containers that Docker has removed. For Docker a container is gone even if the OCI
 * runtime was killed before it removed the cgroups or a mount, or if nobody ended the container's shim:
 * because dockerd was killed while it started the container, or the runtime while it started or deleted it.
 * Nobody would look for that again.
 *
 * Each removal is recorded before Docker gets the request, so that the next berthd looks, too.
 */
export class RemovedContainers implements AsyncDisposable {
  readonly #options: RemovedContainersOptions;
  readonly #closing = new AbortController();
  #looking: Promise<void> | undefined;
  /** Since the current look began. */
  #isAsked = false;

  constructor(options: RemovedContainersOptions) {
    this.#options = options;
  }

  /**
   * Has Docker remove a container: `remove` sends the request, and resolves once the container is gone.
   * Throws what it throws.
   */
  async during(
    details: Pick<ContainerDetails, "Id" | "HostConfig">,
    remove: () => Promise<unknown>,
  ): Promise<void> {
    this.#note(details);
    this.look();
    await remove();
    // It may have taken longer than the look waited.
    this.look();
  }

  /** Looks, after a while, at what is recorded: after each removal, and each time Docker is connected. */
  look(): void {
    this.#isAsked = true;
    this.#looking ??= this.#lookUntilDone();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#looking;
  }

  /** Writes synchronously, since it is a tmpfs. */
  #note({ Id: id, HostConfig }: Pick<ContainerDetails, "Id" | "HostConfig">): void {
    const { directory, logger } = this.#options;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      replaceFile(join(directory, id), HostConfig.CgroupParent ?? "");
    } catch (err) {
      // No reason to keep the container: it seldom leaves anything.
      logger.warn({ err, container: id }, "the removal of a container could not be recorded");
    }
  }

  async #lookUntilDone(): Promise<void> {
    const { graceMs = 5000, logger } = this.#options;
    const { signal } = this.#closing;
    try {
      while (this.#isAsked) {
        await delay(graceMs, undefined, { signal, ref: false });
        this.#isAsked = false;
        await this.#lookOnce();
      }
    } catch (err) {
      if (!signal.aborted)
        logger.warn({ err }, "what stays of removed containers could not be looked for; trying again later");
    } finally {
      this.#looking = undefined;
    }
  }

  /** What cannot be cleaned up keeps its record for the next look, and does not keep the others. */
  async #lookOnce(): Promise<void> {
    const { directory, logger } = this.#options;
    const recorded = this.#recorded();
    if (recorded.length === 0) return;
    const driver = await this.#options.cgroupDriver();
    const shims = Map.groupBy(await findShims(), ({ containerId }) => containerId);
    const mounts = (await mountInfo()).map(({ mountPoint }) => mountPoint);
    for (const { id, cgroupParent } of recorded) {
      const left = {
        shims: shims.get(id) ?? [],
        mounts: mounts.filter((path) => path.includes(`/${id}/${ownProgram}`)),
        cgroup: cgroupOf(driver, cgroupParent, id),
      };
      try {
        if (await this.#cleanUp(id, left)) rmSync(join(directory, id), { force: true });
      } catch (err) {
        this.#closing.signal.throwIfAborted();
        logger.warn({ err, container: id }, "what stays of a removed container could not be removed");
      }
    }
  }

  /** Whether nothing is left; false if Docker still has the container. Throws if Docker does not answer. */
  async #cleanUp(id: string, { shims, mounts, cgroup }: Left): Promise<boolean> {
    const { client, cgroups, logger } = this.#options;
    const hasOne = await hasCgroup(cgroups, cgroup);
    if (shims.length === 0 && mounts.length === 0 && !hasOne) return true;
    if ((await orNotFound(client.container(id, this.#closing.signal))) !== undefined) return false;
    for (const shim of shims) await endShim(shim, logger);
    for (const path of mounts) await unmount(path, { detach: true, missingOk: true });
    if (!hasOne) return true;
    logger.warn({ container: id, cgroup }, "a removed container has left its cgroup, which is removed");
    await removeCgroup(cgroups, cgroup);
    return true;
  }

  /** Removes files that a killed daemon did not write completely: Docker had not been asked. */
  #recorded(): readonly Removed[] {
    const { directory } = this.#options;
    return namesIn(directory).flatMap((id) => {
      const path = join(directory, id);
      if (!isUnfinishedFile(id)) return [{ id, cgroupParent: readFileSync(path, "utf8") }];
      rmSync(path, { force: true });
      return [];
    });
  }
}

/**
 * The path of a container's cgroup. Without a parent, it is Docker's default: what `cgroup-parent` in
 * daemon.json says is not in its API. With systemd, it is a scope, which systemd removes with its last
 * process; but that may wait for ever for an OCI runtime that was killed.
 */
function cgroupOf(driver: "systemd" | "cgroupfs", parent: string, id: string): string {
  if (driver === "cgroupfs") return join("/", parent || "docker", id);
  return join(podCgroup(driver, parent || "system.slice") ?? "/", `docker-${id}.scope`);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
