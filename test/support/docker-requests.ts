import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Sits between a daemon and its Docker Engine, and records the requests. */
export class DockerRequests implements AsyncDisposable {
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #engine: string | undefined;
  #heard: string[] = [];
  #hanging: string | undefined;
  /** The requests that get an error instead of the engine's reply, and how many more times. */
  #failing: { readonly request: string; times: number } | undefined;

  private constructor(path: string, server: Server) {
    this.host = `unix://${path}`;
    this.#server = server;
    server.on("connection", (client) => this.#join(client));
  }

  /** Listens at that path, and forwards nothing before {@link leadTo}. */
  static async listen(path: string): Promise<DockerRequests> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(path);
    await once(server, "listening");
    return new DockerRequests(path, server);
  }

  leadTo(engineSocket: string): void {
    this.#engine = engineSocket;
  }

  /** The requests since the last call of this: "POST /containers/create", without ids. */
  taken(): readonly string[] {
    return this.#heard.splice(0);
  }

  /** Answers the next requests of that kind itself, with the engine's status for internal errors. */
  failNext(request: string, times: number): void {
    this.#failing = { request, times };
  }

  /** Does not answer such requests, from now on. */
  hangOn(path: string): void {
    this.#hanging = path;
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
      from.on("end", () => to.end());
    }
    engine.on("data", (bytes: Buffer) => client.write(bytes));
    client.on("data", (bytes: Buffer) => {
      const text = bytes.toString("latin1");
      if (this.#hanging !== undefined && text.includes(this.#hanging)) return;
      const requests = requestsIn(text);
      this.#heard.push(...requests);
      if (requests.some((request) => this.#fails(request))) client.write(failure);
      else engine.write(bytes);
    });
  }

  #fails(request: string): boolean {
    if (this.#failing?.request !== request || this.#failing.times === 0) return false;
    this.#failing.times--;
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function requestsIn(text: string): readonly string[] {
  const found = text.matchAll(/^(GET|POST|DELETE) \/v[0-9.]+(\/[^ ?]*)\S* HTTP/gm);
  return [...found].map(([, method, path = ""]) => `${method} ${path.replace(/[0-9a-f]{64}/, "ID")}`);
}

const message = JSON.stringify({ message: "something went wrong" });
const failure = `HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: ${message.length}\r\n\r\n${message}`;
