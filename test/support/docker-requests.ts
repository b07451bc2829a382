import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Stands between a daemon and its Docker Engine, and hears what is asked of that. */
export class DockerRequests implements AsyncDisposable {
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #engine: string | undefined;
  #heard: string[] = [];

  private constructor(path: string, server: Server) {
    this.host = `unix://${path}`;
    this.#server = server;
    server.on("connection", (client) => this.#join(client));
  }

  /** Listens at that path, and lets nobody through before {@link leadTo}. */
  static async listen(path: string): Promise<DockerRequests> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(path);
    await once(server, "listening");
    return new DockerRequests(path, server);
  }

  leadTo(engineSocket: string): void {
    this.#engine = engineSocket;
  }

  /** What was asked since this was last called: "POST /containers/create", ids left out. */
  taken(): readonly string[] {
    return this.#heard.splice(0);
  }

  #join(client: Socket): void {
    if (this.#engine === undefined) return void client.destroy();
    const engine = connect({ path: this.#engine, allowHalfOpen: true });
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => to.destroy()).on("close", () => this.#sockets.delete(from));
      from.pipe(to);
    }
    client.on("data", (bytes: Buffer) => this.#hear(bytes.toString("latin1")));
  }

  #hear(text: string): void {
    for (const [, method, path = ""] of text.matchAll(/^(GET|POST|DELETE) \/v[0-9.]+(\/[^ ?]*)\S* HTTP/gm))
      this.#heard.push(`${method} ${path.replace(/[0-9a-f]{64}/, "ID")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
