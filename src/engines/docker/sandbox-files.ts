import { rmdirSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import { bindMount, unmount } from "../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import { mountPodDirectory, podHostname, podHosts, podResolvConf } from "../podnetwork/index.ts";

/** For the few KiB that berth writes there, and what containers append to the files that they see. */
const sizeBytes = 2 ** 20;

/**
 * The files that berth keeps for each sandbox with a CNI network: the pod's /etc/hosts, /etc/hostname and
 * /etc/resolv.conf, and a pin of its network namespace. Docker would create them too, but with a program that
 * it starts during the container's own start, which doubles the time for a sandbox.
 */
export class SandboxFiles {
  readonly #root: string;

  /** `root` is a directory below the state directory. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Creates the files of a running sandbox. */
  async make({ Id: id, State }: ContainerDetails, config: PodSandboxConfig): Promise<void> {
    await this.remove(id);
    await mountPodDirectory(this.#path(id), sizeBytes);
    this.#write(id, "hostname", `${podHostname(config)}\n`);
    this.#write(id, "resolv.conf", await podResolvConf(config));
    this.#write(id, "net", "");
    await bindMount(`/proc/${State.Pid}/ns/net`, this.#path(id, "net"));
  }

  /** Writes /etc/hosts once the pod has its addresses. */
  async writeHosts(id: string, config: PodSandboxConfig, ips: readonly string[]): Promise<void> {
    this.#write(id, "hosts", await podHosts(config, ips));
  }

  /** Removes the files; idempotent. */
  async remove(id: string): Promise<void> {
    for (const path of [this.#path(id, "net"), this.#path(id)])
      await unmount(path, { detach: true, missingOk: true });
    try {
      rmdirSync(this.#path(id));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /** Ids of all sandboxes that have files. */
  async ids(): Promise<readonly string[]> {
    return await readdir(this.#root).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
  }

  /** Path of the namespace of a sandbox with its own network: Docker's, if Docker created the network. */
  networkNamespace({ Id, NetworkSettings }: ContainerDetails): string {
    return NetworkSettings.SandboxKey === "" ? this.#path(Id, "net") : NetworkSettings.SandboxKey;
  }

  /** The directory that holds `net`, the pin of its network namespace. */
  directory(id: string): string {
    return this.#path(id);
  }

  /** Host paths by their paths in containers; none if Docker created the files, and so mounts them itself. */
  shown({ Id, HostsPath }: ContainerDetails): Readonly<Record<string, string>> {
    if (HostsPath !== "") return {};
    return Object.fromEntries(
      ["hosts", "hostname", "resolv.conf"].map((name) => [`/etc/${name}`, this.#path(Id, name)]),
    );
  }

  #path(id: string, name = ""): string {
    return join(this.#root, id, name);
  }

  /** Synchronous, since the files are on a tmpfs. */
  #write(id: string, name: string, text: string): void {
    writeFileSync(this.#path(id, name), text, { mode: 0o644 });
  }
}
