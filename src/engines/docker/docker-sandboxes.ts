import { appendFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { hasCode } from "../../ground/errors/index.ts";
import { exists } from "../../ground/fs/index.ts";
import { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { JoinedCalls } from "../../ground/sync/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import { EngineError, type Sandbox, type Sandboxes } from "../engine/index.ts";
import { podAttachment, resolvConfOf, sharesHostNetwork } from "../podnetwork/index.ts";
import type { DockerServices } from "./docker-services.ts";
import type { FoundSandbox } from "./found.ts";
import { findById, getById } from "./ids.ts";
import { isUnfinished, sandboxName, unfinishedName } from "./names-and-labels.ts";
import { PauseImage } from "./pause-image.ts";
import { sandboxBody } from "./sandbox-body.ts";

/** The life of pod sandboxes: containers of Docker's that do nothing, with a network. */
export class DockerSandboxes implements Sandboxes {
  readonly #services: DockerServices;
  readonly #pause: PauseImage;
  readonly #runs = new JoinedCalls<string>();
  /** Names of those that are being made, and their ids when Docker has given them. */
  readonly #making = new Map<string, string>();
  readonly #endContainers: (sandboxId: string, remove: boolean) => Promise<void>;

  /** `endContainers` stops the containers of a sandbox, or removes them. */
  constructor(
    services: DockerServices,
    endContainers: (sandboxId: string, remove: boolean) => Promise<void>,
  ) {
    this.#services = services;
    this.#endContainers = endContainers;
    const { pauseProgram: program, sandboxImage: configured } = services;
    this.#pause = new PauseImage(services.client, { program, configured });
  }

  run(config: PodSandboxConfig, handler: string, signal?: AbortSignal): Promise<string> {
    const request = JSON.stringify([handler, PodSandboxConfig.toJSON(config)]);
    return this.#runs.join(sandboxName(config), request, () => this.#runOnce(config, handler), signal);
  }

  async #runOnce(config: PodSandboxConfig, handler: string): Promise<string> {
    const { client, mirror, info, observer } = this.#services;
    const existing = this.#existing(config, handler);
    if (existing !== undefined) return existing;
    const runtimes = Object.keys((await info()).Runtimes);
    if (handler !== "" && !runtimes.includes(handler)) {
      throw new EngineError(
        "InvalidArgument",
        `runtime handler ${JSON.stringify(handler)} is none of Docker's runtimes, which are ${runtimes.join(", ")}`,
      );
    }
    const making = unfinishedName(config);
    this.#making.set(making, "");
    using _making = { [Symbol.dispose]: () => void this.#making.delete(making) };
    const id = await this.#create(config, handler);
    this.#making.set(making, id);
    try {
      observer("sandbox-start");
      await client.startContainer(id);
      const details = await client.container(id);
      await this.#connect(config, details);
      observer("sandbox-commit");
      await this.#finish(id, config);
    } catch (error) {
      await this.#takeDown(id, config).catch((err: unknown) =>
        this.#services.logger.error(
          { err, sandbox: id },
          "a sandbox that could not be made could not be removed; it is at the next start",
        ),
      );
      throw error;
    }
    observer("sandbox-made");
    await mirror.refresh(id);
    return id;
  }

  #existing(config: PodSandboxConfig, handler: string): string | undefined {
    const name = sandboxName(config);
    const existing = this.#services.mirror
      .sandboxes()
      .find(({ labels }) => sandboxName(labels.config) === name);
    if (existing === undefined) return undefined;
    const { labels, view } = existing;
    const same =
      labels.handler === handler &&
      isDeepStrictEqual(PodSandboxConfig.toJSON(labels.config), PodSandboxConfig.toJSON(config));
    if (view.state === "ready" && same) return existing.id;
    const why = view.state === "ready" ? "has another configuration" : "is not ready";
    throw new EngineError(
      "AlreadyExists",
      `pod sandbox ${existing.id} has the same name, namespace, uid and attempt, and ${why}; remove it, or use the next attempt`,
    );
  }

  /** Under a name that says that it is not ready; what an earlier, broken try has left there goes. */
  async #create(config: PodSandboxConfig, handler: string): Promise<string> {
    const { client, hostPaths, settings, cgroupDriver, observer } = this.#services;
    const options = {
      ...settings,
      image: await this.#pause.ensure(),
      handler,
      cgroupDriver: await cgroupDriver(),
      hasIpv6: await exists("/proc/sys/net/ipv6"),
    };
    const body = await sandboxBody(config, options, hostPaths.of(sandboxName(config)));
    const name = unfinishedName(config);
    observer("sandbox-create");
    try {
      return await client.createContainer(name, body);
    } catch (error) {
      if (!hasCode(error, "FailedPrecondition")) throw error;
      await client.removeContainer(name);
      return await client.createContainer(name, body);
    }
  }

  /** DNS and, unless it is the host's or Docker's own, the network. */
  async #connect(config: PodSandboxConfig, details: ContainerDetails): Promise<void> {
    const { network, settings, observer } = this.#services;
    observer("sandbox-files");
    await this.#writeDns(config, details);
    if (sharesHostNetwork(config) || settings.network === "bridge") return;
    const netnsPath = this.#netnsPath(details.Id);
    await mkdir(dirname(netnsPath), { recursive: true, mode: 0o700 });
    await symlink(details.NetworkSettings.SandboxKey, netnsPath);
    observer("sandbox-network");
    const { ips, kept } = await network.attach(podAttachment(details.Id, config, netnsPath));
    const name = config.hostname === "" ? hostname() : config.hostname;
    // Docker has written it without addresses, and leaves it alone from then on.
    await appendFile(details.HostsPath, ips.map((ip) => `${ip}\t${name}\n`).join(""));
    await kept;
  }

  /** Named by the sandbox, as what is written down of networks has to be; Docker's own names are random. */
  #netnsPath(id: string): string {
    return join(this.#services.stateDir, "docker", "netns", id);
  }

  /** Docker's option for it leaves the host's search domains, and is refused without a network. */
  async #writeDns({ dnsConfig }: PodSandboxConfig, { ResolvConfPath }: ContainerDetails): Promise<void> {
    const text = resolvConfOf(dnsConfig);
    if (text !== undefined) await writeFile(ResolvConfPath, text);
  }

  async #finish(id: string, config: PodSandboxConfig): Promise<void> {
    const name = sandboxName(config);
    try {
      await this.#services.client.renameContainer(id, name);
    } catch (cause) {
      if (!hasCode(cause, "FailedPrecondition")) throw cause;
      throw new EngineError("AlreadyExists", `Docker has another container of the name ${name}: remove it`, {
        cause,
      });
    }
  }

  /** Its container goes last: one whose network cannot be taken down stays, not ready, to be tried again. */
  async #takeDown(id: string, config: PodSandboxConfig): Promise<void> {
    await ignoreNotFound(this.#services.client.stopContainer(id, 0));
    await this.#detach(id, config);
    await ignoreNotFound(this.#services.client.removeContainer(id));
  }

  async #detach(id: string, config: PodSandboxConfig): Promise<void> {
    if (sharesHostNetwork(config) || this.#services.settings.network === "bridge") return;
    await this.#detachById(id);
  }

  async #detachById(id: string): Promise<void> {
    this.#services.observer("undo sandbox-network");
    await this.#services.network.detach(id);
    await rm(this.#netnsPath(id), { force: true });
  }

  async stop(idOrPrefix: string): Promise<void> {
    const found = findById(this.#services.mirror.sandboxes(), "pod sandbox", idOrPrefix);
    if (found === undefined) return;
    using _ = await this.#services.sandboxLocks.acquire(found.id);
    await this.#stopLocked(found);
  }

  async #stopLocked({ id, labels }: FoundSandbox): Promise<void> {
    const { client, mirror, observer } = this.#services;
    observer("sandbox-stop");
    await this.#endContainers(id, false);
    observer("sandbox-end");
    await ignoreNotFound(client.stopContainer(id, 0));
    await mirror.refresh(id);
    await this.#detach(id, labels.config);
    observer("sandbox-stopped");
  }

  async remove(idOrPrefix: string): Promise<void> {
    const found = findById(this.#services.mirror.sandboxes(), "pod sandbox", idOrPrefix);
    if (found === undefined) return;
    using _ = await this.#services.sandboxLocks.acquire(found.id);
    await this.#stopLocked(found);
    await this.#endContainers(found.id, true);
    this.#services.observer("sandbox-delete");
    await ignoreNotFound(this.#services.client.removeContainer(found.id));
    await this.#services.mirror.refresh(found.id);
  }

  async update(): Promise<void> {
    throw new EngineError(
      "Unimplemented",
      "UpdatePodSandboxResources: Docker's API keeps no resources of pods; the pod's cgroup is the kubelet's",
    );
  }

  get(id: string): Sandbox {
    return getById(this.#services.mirror.sandboxes(), "pod sandbox", id).view;
  }

  list(): readonly Sandbox[] {
    return this.#services.mirror.sandboxes().map(({ view }) => view);
  }

  async inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    const { details } = getById(this.#services.mirror.sandboxes(), "pod sandbox", id);
    const { State, Name, NetworkSettings } = details;
    return {
      pid: State.Pid,
      dockerName: Name.slice(1),
      netns: NetworkSettings.SandboxKey,
      networks: await this.#services.network.describe(details.Id),
    };
  }

  /**
   * What a crash left half-made goes, and so do the networks of sandboxes that ended while nobody looked:
   * `all` is what Docker has of ours.
   */
  async tidyUp(all: readonly ContainerDetails[]): Promise<void> {
    const { client, network, logger } = this.#services;
    const halfMade = all.filter(({ Name }) => isUnfinished(Name) && !this.#making.has(Name.slice(1)));
    for (const { Id } of halfMade) {
      logger.warn({ container: Id }, "what was being made when a daemon ended is removed");
      await ignoreNotFound(client.stopContainer(Id, 0));
      await this.#detachById(Id);
      await ignoreNotFound(client.removeContainer(Id));
    }
    const alive = new Set(all.filter(({ State }) => State.Running).map(({ Id }) => Id));
    for (const id of this.#making.values()) alive.add(id);
    const ended = (await network.attachments()).filter((id) => !alive.has(id));
    for (const id of ended) {
      await this.#detachById(id).catch((err: unknown) =>
        logger.warn({ err, sandbox: id }, "the network of a sandbox that has ended could not be taken down"),
      );
    }
  }

  /** Resolves when no sandbox is being made. */
  async close(): Promise<void> {
    await this.#runs.settled();
  }
}

async function ignoreNotFound(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
  });
}
