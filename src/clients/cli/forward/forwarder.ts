import type { Socket } from "node:net";
import type { PortForwardClient } from "../../streamclient/index.ts";

/**
 * Forwards connections to a pod's ports. All share one connection to the endpoint, which is opened when it is
 * needed, and again after it has broken, so that forwarding survives a restart of the runtime.
 */
export class Forwarder implements AsyncDisposable {
  readonly #connect: () => Promise<PortForwardClient>;
  #client: Promise<PortForwardClient> | undefined;

  constructor(connect: () => Promise<PortForwardClient>) {
    this.#connect = connect;
  }

  /** Connects to the endpoint. Throws the errors of `connect`. */
  async ready(): Promise<void> {
    await this.#connected();
  }

  /**
   * Forwards a connection until both sides have ended. Closes it after a failure. Throws the errors of
   * `connect`, and StreamClientError.
   */
  async forward(socket: Socket, port: number): Promise<void> {
    // The stream notices the failure of its socket itself.
    socket.on("error", () => {});
    try {
      const client = await this.#connected();
      await client.forward(socket, port);
    } finally {
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.[Symbol.asyncDispose]();
  }

  #connected(): Promise<PortForwardClient> {
    this.#client ??= this.#open();
    return this.#client;
  }

  async #open(): Promise<PortForwardClient> {
    try {
      const client = await this.#connect();
      void client.closed.then(() => this.#forget());
      return client;
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #forget(): void {
    this.#client = undefined;
  }
}
