import { hasCode } from "../../ground/errors/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import type { Client } from "./client.ts";

/**
 * Keeps berthd from removing an ended container before we have read its output. Other runtimes do not remove
 * containers by themselves.
 */
export class ContainerHold implements AsyncDisposable {
  readonly #client: Client;
  readonly #containerId: string;
  #held: AsyncGenerator<berthV1.HoldContainerResponse> | undefined;

  constructor(client: Client, containerId: string) {
    this.#client = client;
    this.#containerId = containerId;
  }

  /**
   * Takes the hold, also again after a restart of the daemon. Throws CriClientError NotFound if the container
   * no longer exists.
   */
  async take(): Promise<void> {
    await this[Symbol.asyncDispose]();
    const containerId = this.#containerId;
    this.#held = this.#client.serverStream(berthV1.BerthService.holdContainer, { containerId });
    try {
      await this.#held.next();
    } catch (error) {
      if (!hasCode(error, "Unimplemented")) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held?.return(undefined);
  }
}
