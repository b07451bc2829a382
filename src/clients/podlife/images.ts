import type { Clock } from "../../ground/clock/index.ts";
import { messageOf } from "../../ground/errors/index.ts";
import type { AuthConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import type { Container } from "../manifests/index.ts";
import { BackOff } from "./back-off.ts";
import type { PodRuntime } from "./pod-runtime.ts";
import type { PodWork } from "./pod-work.ts";
import { StartFailure } from "./start-failure.ts";

export type PullCredentials = (reference: string) => Promise<AuthConfig | undefined>;

/** A pod's own credentials for an image's registry; tried in order, before the machine's. */
export type PodCredentials = (reference: string) => readonly AuthConfig[];

/** What is pulled for a container: its image, or one that it mounts. */
export type Pullable = Pick<Container, "image" | "imagePullPolicy">;

/** Pulls the images of a pod's containers, according to their pull policies. */
export class PodImages {
  readonly #runtime: PodRuntime;
  readonly #clock: Clock;
  readonly #credentials: PullCredentials;
  readonly #ofPod: PodCredentials;
  readonly #onEvent: PodWork["onEvent"];
  readonly #backOff: BackOff;
  /** Error of the last pull of each image. */
  readonly #failures = new Map<string, { readonly atNs: bigint; readonly message: string }>();

  constructor(
    { runtime, clock, onEvent }: Pick<PodWork, "runtime" | "clock" | "onEvent">,
    credentials: PullCredentials,
    ofPod: PodCredentials,
  ) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#credentials = credentials;
    this.#ofPod = ofPod;
    this.#onEvent = onEvent;
    this.#backOff = new BackOff(clock);
  }

  /** The image's id. Throws StartFailure with the time of the next retry, after an event as a kubelet's. */
  async ensure(
    { image, imagePullPolicy = defaultPolicy(image) }: Pullable,
    sandbox: PodSandboxConfig,
    signal: AbortSignal,
  ): Promise<string> {
    const present = imagePullPolicy === "Always" ? undefined : await this.#runtime.imageId(image);
    if (present !== undefined) {
      this.#onEvent(
        "Normal",
        "Pulled",
        `Container image ${JSON.stringify(image)} already present on machine`,
      );
      return present;
    }
    if (imagePullPolicy === "Never") {
      const message = `image ${image} is not on this machine, and the pull policy forbids pulling it`;
      this.#onEvent("Warning", "ErrImageNeverPull", message);
      throw new StartFailure("ErrImageNeverPull", message);
    }
    const failure = this.#failures.get(image);
    const leftMs = failure === undefined ? 0 : this.#backOff.leftMs(image, failure.atNs);
    if (leftMs > 0) {
      this.#onEvent("Normal", "BackOff", `Back-off pulling image ${JSON.stringify(image)}`);
      const message = `back-off pulling image ${image}: ${failure?.message}`;
      throw new StartFailure("ImagePullBackOff", message, leftMs);
    }
    return await this.#pull(image, sandbox, signal);
  }

  async #pull(image: string, sandbox: PodSandboxConfig, signal: AbortSignal): Promise<string> {
    this.#onEvent("Normal", "Pulling", `Pulling image ${JSON.stringify(image)}`);
    const begunNs = this.#clock.nowNs();
    try {
      const id = await raceAbort(this.#pullWithAny(image, sandbox), signal);
      this.#backOff.forget(image);
      const seconds = (Number(this.#clock.nowNs() - begunNs) / 1e9).toFixed(3);
      const message = `Successfully pulled image ${JSON.stringify(image)} in ${seconds}s`;
      this.#onEvent("Normal", "Pulled", message);
      return id;
    } catch (error) {
      signal.throwIfAborted();
      const message = messageOf(error);
      const atNs = this.#clock.nowNs();
      this.#backOff.count(image, atNs);
      this.#failures.set(image, { atNs, message });
      this.#onEvent("Warning", "Failed", `Failed to pull image ${JSON.stringify(image)}: ${message}`);
      throw new StartFailure("ErrImagePull", message, this.#backOff.delayMs(image));
    }
  }

  /** Throws the last one's error. */
  async #pullWithAny(image: string, sandbox: PodSandboxConfig): Promise<string> {
    for (const auth of this.#ofPod(image)) {
      const id = await this.#runtime.pull(image, sandbox, auth).catch(() => undefined);
      if (id !== undefined) return id;
    }
    return await this.#runtime.pull(image, sandbox, await this.#credentials(image));
  }
}

/** An image without a tag, or with `latest`, may change. */
function defaultPolicy(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const [, tag = "latest"] = image.slice(image.lastIndexOf("/") + 1).split(":");
  return tag === "latest" ? "Always" : "IfNotPresent";
}
