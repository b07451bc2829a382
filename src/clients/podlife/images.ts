import type { Clock } from "../../ground/clock/index.ts";
import { messageOf } from "../../ground/errors/index.ts";
import type { AuthConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import type { Container } from "../manifests/index.ts";
import { BackOff } from "./back-off.ts";
import type { PodRuntime } from "./pod-runtime.ts";
import { StartFailure } from "./start-failure.ts";

export type PullCredentials = (reference: string) => Promise<AuthConfig | undefined>;

/** A pod's own credentials for an image's registry; tried in order, before the machine's. */
export type PodCredentials = (reference: string) => readonly AuthConfig[];

/** Pulls the images of a pod's containers, according to their pull policies. */
export class PodImages {
  readonly #runtime: PodRuntime;
  readonly #clock: Clock;
  readonly #credentials: PullCredentials;
  readonly #ofPod: PodCredentials;
  readonly #backOff: BackOff;
  /** Error of the last pull of each image. */
  readonly #failures = new Map<string, { readonly atNs: bigint; readonly message: string }>();

  constructor(runtime: PodRuntime, clock: Clock, credentials: PullCredentials, ofPod: PodCredentials) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#credentials = credentials;
    this.#ofPod = ofPod;
    this.#backOff = new BackOff(clock);
  }

  /** The image's id. Throws StartFailure with the time of the next retry. */
  async ensure(
    { image, imagePullPolicy = defaultPolicy(image) }: Container,
    sandbox: PodSandboxConfig,
    signal: AbortSignal,
  ): Promise<string> {
    const present = imagePullPolicy === "Always" ? undefined : await this.#runtime.imageId(image);
    if (present !== undefined) return present;
    if (imagePullPolicy === "Never")
      throw new StartFailure(
        "ErrImageNeverPull",
        `image ${image} is not on this machine, and the pull policy forbids pulling it`,
      );
    const failure = this.#failures.get(image);
    const leftMs = failure === undefined ? 0 : this.#backOff.leftMs(image, failure.atNs);
    if (leftMs > 0)
      throw new StartFailure(
        "ImagePullBackOff",
        `back-off pulling image ${image}: ${failure?.message}`,
        leftMs,
      );
    return await this.#pull(image, sandbox, signal);
  }

  async #pull(image: string, sandbox: PodSandboxConfig, signal: AbortSignal): Promise<string> {
    try {
      const id = await raceAbort(this.#pullWithAny(image, sandbox), signal);
      this.#backOff.forget(image);
      return id;
    } catch (error) {
      signal.throwIfAborted();
      const message = messageOf(error);
      const atNs = this.#clock.nowNs();
      this.#backOff.count(image, atNs);
      this.#failures.set(image, { atNs, message });
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
