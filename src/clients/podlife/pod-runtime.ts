import { hasCode } from "../../ground/errors/index.ts";
import {
  type AuthConfig,
  CgroupDriver,
  type ContainerConfig,
  ContainerStatusRequest,
  CreateContainerRequest,
  type ContainerStatus as CriContainerStatus,
  ExecSyncRequest,
  type ExecSyncResponse,
  ImageServiceService,
  ImageStatusRequest,
  ListContainersRequest,
  ListPodSandboxRequest,
  type PodSandboxConfig,
  type PodSandboxStatus,
  PodSandboxStatusRequest,
  PullImageRequest,
  RemovePodSandboxRequest,
  ReopenContainerLogRequest,
  RunPodSandboxRequest,
  RuntimeConfigRequest,
  RuntimeServiceService,
  StartContainerRequest,
  StopContainerRequest,
  StopPodSandboxRequest,
  VersionRequest,
} from "../../ground/protocol/index.ts";
import { type Client, Hold, removeContainer } from "../criclient/index.ts";
import type { ImageUser } from "../podspec/index.ts";
import { podStats } from "./runtime-usage.ts";

/** How much longer than a container's grace period, or a command's limit, the response may take. */
const answerMs = 60_000;
const forEver = Number.POSITIVE_INFINITY;

/** The calls of CRI with which pods are run. Each throws CriClientError with the runtime's error. */
export class PodRuntime {
  readonly #client: Client;
  #name: string | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The runtime's own name, such as `containerd`; requested once. */
  async name(): Promise<string> {
    const request = VersionRequest.fromPartial({});
    this.#name ??= (await this.#client.unary(RuntimeServiceService.version, request)).runtimeName;
    return this.#name;
  }

  /** The runtime's cgroup driver; a kubelet's default if it does not report one. */
  async cgroupDriver(): Promise<"cgroupfs" | "systemd"> {
    try {
      const request = RuntimeConfigRequest.fromPartial({});
      const { linux } = await this.#client.unary(RuntimeServiceService.runtimeConfig, request);
      return linux?.cgroupDriver === CgroupDriver.SYSTEMD ? "systemd" : "cgroupfs";
    } catch (error) {
      if (hasCode(error, "Unimplemented")) return "cgroupfs";
      throw error;
    }
  }

  /** Ids of all sandboxes with these labels. */
  async sandboxIds(labelSelector: Record<string, string>): Promise<readonly string[]> {
    const request = ListPodSandboxRequest.fromPartial({ filter: { labelSelector } });
    const { items } = await this.#client.unary(RuntimeServiceService.listPodSandbox, request);
    return items.map(({ id }) => id);
  }

  /** All containers with these labels, each with its sandbox. */
  async containers(
    labelSelector: Record<string, string>,
  ): Promise<readonly { readonly id: string; readonly podSandboxId: string }[]> {
    const request = ListContainersRequest.fromPartial({ filter: { labelSelector } });
    return (await this.#client.unary(RuntimeServiceService.listContainers, request)).containers;
  }

  /** Undefined if it is gone. */
  async sandboxStatus(podSandboxId: string): Promise<PodSandboxStatus | undefined> {
    const request = PodSandboxStatusRequest.fromPartial({ podSandboxId });
    return (await this.#client.unary(RuntimeServiceService.podSandboxStatus, request)).status;
  }

  async containerStatus(containerId: string): Promise<CriContainerStatus | undefined> {
    const request = ContainerStatusRequest.fromPartial({ containerId });
    return (await this.#client.unary(RuntimeServiceService.containerStatus, request)).status;
  }

  async runSandbox(config: PodSandboxConfig, runtimeHandler: string): Promise<string> {
    const request = RunPodSandboxRequest.fromPartial({ config, runtimeHandler });
    const { podSandboxId } = await this.#client.unary(RuntimeServiceService.runPodSandbox, request);
    return podSandboxId;
  }

  async stopSandbox(podSandboxId: string): Promise<void> {
    const request = StopPodSandboxRequest.fromPartial({ podSandboxId });
    await this.#client.unary(RuntimeServiceService.stopPodSandbox, request);
  }

  async removeSandbox(podSandboxId: string): Promise<void> {
    const request = RemovePodSandboxRequest.fromPartial({ podSandboxId });
    await this.#client.unary(RuntimeServiceService.removePodSandbox, request);
  }

  async createContainer(
    podSandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
  ): Promise<string> {
    const request = CreateContainerRequest.fromPartial({ podSandboxId, config, sandboxConfig });
    return (await this.#client.unary(RuntimeServiceService.createContainer, request)).containerId;
  }

  async startContainer(containerId: string): Promise<void> {
    const request = StartContainerRequest.fromPartial({ containerId });
    await this.#client.unary(RuntimeServiceService.startContainer, request);
  }

  async stopContainer(containerId: string, graceSeconds: number): Promise<void> {
    const request = StopContainerRequest.fromPartial({ containerId, timeout: BigInt(graceSeconds) });
    const timeoutMs = graceSeconds * 1000 + answerMs;
    await this.#client.unary(RuntimeServiceService.stopContainer, request, { timeoutMs });
  }

  /** Makes the runtime open a new log file at the container's log path. */
  async reopenLog(containerId: string): Promise<void> {
    const request = ReopenContainerLogRequest.fromPartial({ containerId });
    await this.#client.unary(RuntimeServiceService.reopenContainerLog, request);
  }

  async removeContainer(containerId: string): Promise<void> {
    await removeContainer(this.#client, containerId);
  }

  /** Runs a command in a container to its end; 0 seconds is no limit. */
  async exec(containerId: string, cmd: readonly string[], timeoutSeconds: number): Promise<ExecSyncResponse> {
    const request = ExecSyncRequest.fromPartial({
      containerId,
      cmd: [...cmd],
      timeout: BigInt(timeoutSeconds),
    });
    const timeoutMs = timeoutSeconds === 0 ? forEver : timeoutSeconds * 1000 + answerMs;
    return await this.#client.unary(RuntimeServiceService.execSync, request, { timeoutMs });
  }

  /** The number of bytes that each container of a pod has written outside of volumes, by name. */
  async writtenBytes(podUid: string): Promise<ReadonlyMap<string, number>> {
    const { containers } = await podStats(this.#client, podUid);
    return new Map(containers.map(({ name, diskBytes }) => [name, diskBytes]));
  }

  /** The id of a reference's image; undefined if it is not on the machine. */
  async imageId(image: string): Promise<string | undefined> {
    const request = ImageStatusRequest.fromPartial({ image: { image } });
    return (await this.#client.unary(ImageServiceService.imageStatus, request)).image?.id;
  }

  /** Holds an image, even one that is about to be pulled, until a container was created from it. */
  async holdImage(image: string): Promise<AsyncDisposable> {
    return await Hold.ofImage(this.#client, image).take();
  }

  /** The user of an image's containers, by its id; undefined if it is not on the machine. */
  async imageUser(id: string): Promise<ImageUser | undefined> {
    const request = ImageStatusRequest.fromPartial({ image: { image: id } });
    const { image } = await this.#client.unary(ImageServiceService.imageStatus, request);
    if (image === undefined) return undefined;
    const { uid, username } = image;
    return { uid: uid === undefined ? undefined : Number(uid.value), name: username };
  }

  /** Pulls an image and returns its id. */
  async pull(image: string, sandboxConfig: PodSandboxConfig, auth?: AuthConfig): Promise<string> {
    const request = PullImageRequest.fromPartial({
      image: { image },
      sandboxConfig,
      ...(auth === undefined ? {} : { auth }),
    });
    const options = { timeoutMs: forEver };
    return (await this.#client.unary(ImageServiceService.pullImage, request, options)).imageRef;
  }
}
