import { rmdirSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";
import { bindMount, unmount } from "../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import { mountPodDirectory, podHostname, podHosts, podResolvConf } from "../podnetwork/index.ts";

/** For what berth writes there, some KiB, and what containers add to the files that they see. */
const sizeBytes = 2 ** 20;

/**
 * What berth keeps of each sandbox that has a CNI network: the pod's /etc/hosts, /etc/hostname and
 * /etc/resolv.conf, and a pin of its network namespace. Docker would make them too, by a program that it
 * starts in the midst of the container's own start: half of what a sandbox costs.
 */
export class SandboxFiles {
  readonly #root: string;

  /** `root` is below the state directory. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes them, for a sandbox that runs. */
  async make({ Id: id, State }: ContainerDetails, config: PodSandboxConfig): Promise<void> {
    await this.remove(id);
    await mountPodDirectory(this.#path(id), sizeBytes);
    this.#write(id, "hostname", `${podHostname(config)}\n`);
    this.#write(id, "resolv.conf", await podResolvConf(config));
    this.#write(id, "net", "");
    await bindMount(`/proc/${State.Pid}/ns/net`, this.#path(id, "net"));
  }

  /** When the pod has its addresses. */
  async writeHosts(id: string, config: PodSandboxConfig, ips: readonly string[]): Promise<void> {
    this.#write(id, "hosts", await podHosts(config, ips));
  }

  /** Idempotent. */
  async remove(id: string): Promise<void> {
    for (const path of [this.#path(id, "net"), this.#path(id)])
      await unmount(path, { detach: true, missingOk: true });
    try {
      rmdirSync(this.#path(id));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /** Ids of all sandboxes of which something is there. */
  async ids(): Promise<readonly string[]> {
    return await readdir(this.#root).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
  }

  /** Of a sandbox with a network of its own: Docker's where Docker has given it one. */
  networkNamespace({ Id, NetworkSettings }: ContainerDetails): string {
    return NetworkSettings.SandboxKey === "" ? this.#path(Id, "net") : NetworkSettings.SandboxKey;
  }

  /** Where the pin of its network namespace is, `net`. */
  directory(id: string): string {
    return this.#path(id);
  }

  /** Path by the path in containers; none where Docker has made them, and shows them itself. */
  shown({ Id, HostsPath }: ContainerDetails): Readonly<Record<string, string>> {
    if (HostsPath !== "") return {};
    return Object.fromEntries(
      ["hosts", "hostname", "resolv.conf"].map((name) => [`/etc/${name}`, this.#path(Id, name)]),
    );
  }

  #path(id: string, name = ""): string {
    return join(this.#root, id, name);
  }

  /** They lie on a tmpfs. */
  #write(id: string, name: string, text: string): void {
    writeFileSync(this.#path(id, name), text, { mode: 0o644 });
  }
}
