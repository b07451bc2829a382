import type { Clock } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import {
  type ContainerEventResponse,
  GetEventsRequest,
  RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import type { Client } from "../criclient/index.ts";
import { podUidLabel } from "../podspec/index.ts";
import { changedPods, lookAtRuntime, type PodStates, type RuntimeStates } from "./runtime-look.ts";

/**
 * How often to list all pods to find what events missed; without events, as often as a kubelet does. Times
 * are in ms.
 */
const lookMs = 30_000;
const lookWithoutEventsMs = 1_000;

export type RuntimeWatchOptions = {
  readonly client: Client;
  readonly clock: Clock;
  /**
   * Called when a container or sandbox of the pod with this uid has changed, with the states of that sandbox
   * and its containers if they are known; undefined if the pod is not known.
   */
  readonly onChange: (uid: string | undefined, states?: PodStates) => void;
};

/** Subscribes to a runtime's events for all pods, and reconnects when the stream breaks. */
export class RuntimeWatch implements AsyncDisposable {
  readonly #options: RuntimeWatchOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<unknown>;
  #hasEvents = false;

  constructor(options: RuntimeWatchOptions) {
    this.#options = options;
    this.#running = Promise.allSettled([this.#listen(), this.#look()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #listen(): Promise<void> {
    const { client, clock, onChange } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const request = GetEventsRequest.fromPartial({});
        this.#hasEvents = true;
        const events = client.serverStream(RuntimeServiceService.getContainerEvents, request, { signal });
        for await (const event of events)
          onChange(event.podSandboxStatus?.labels[podUidLabel], statesIn(event));
      } catch (error) {
        this.#hasEvents = false;
        if (signal.aborted || hasCode(error, "Unimplemented")) return;
      }
      this.#hasEvents = false;
      await clock.wait(lookWithoutEventsMs, signal);
    }
  }

  async #look(): Promise<void> {
    const { signal } = this.#closing;
    let sinceMs = 0;
    let states: RuntimeStates | undefined;
    while (!signal.aborted) {
      await this.#options.clock.wait(lookWithoutEventsMs, signal);
      sinceMs += lookWithoutEventsMs;
      if (this.#hasEvents && sinceMs < lookMs) continue;
      sinceMs = 0;
      const before = states;
      states = await lookAtRuntime(this.#options.client).catch(() => undefined);
      // While the runtime is away, changes are not known.
      if (before === undefined || states === undefined) this.#options.onChange(undefined);
      else for (const uid of changedPods(before, states)) this.#options.onChange(uid);
    }
  }
}

function statesIn({ podSandboxStatus, containersStatuses }: ContainerEventResponse): PodStates | undefined {
  if (podSandboxStatus === undefined) return undefined;
  return new Map([podSandboxStatus, ...containersStatuses].map(({ id, state }) => [id, state]));
}
