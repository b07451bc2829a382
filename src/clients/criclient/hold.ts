import { hasCode } from "../../ground/errors/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import type { Client } from "./client.ts";

/** Keeps berthd from removing something that we are about to use. Other runtimes do not know holds. */
export class Hold implements AsyncDisposable {
  readonly #open: () => AsyncGenerator;
  #held: AsyncGenerator | undefined;

  private constructor(open: () => AsyncGenerator) {
    this.#open = open;
  }

  /**
   * Of an ended container before we have read its output. {@link take} throws CriClientError NotFound if it
   * no longer exists.
   */
  static ofContainer(client: Client, containerId: string): Hold {
    return new Hold(() => client.serverStream(berthV1.BerthService.holdContainer, { containerId }));
  }

  /** Of the image that a reference names, now or once it is pulled, before a container was made of it. */
  static ofImage(client: Client, image: string): Hold {
    return new Hold(() => client.serverStream(berthV1.BerthService.holdImage, { image }));
  }

  /** Takes the hold, also again after a restart of the daemon. */
  async take(): Promise<this> {
    await this[Symbol.asyncDispose]();
    this.#held = this.#open();
    try {
      await this.#held.next();
    } catch (error) {
      if (!hasCode(error, "Unimplemented")) throw error;
    }
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held?.return(undefined);
  }
}
