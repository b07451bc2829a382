import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { Duplex } from "node:stream";
import { codeOfStatus, DockerError } from "./docker-error.ts";
import type { DockerEndpoint, DockerTls } from "./endpoint.ts";

export type DockerRequest = {
  readonly method: "GET" | "POST" | "DELETE" | "HEAD";
  /** Without the version: "/containers/json". */
  readonly path: string;
  /** Those that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is bytes or a stream of them (a tar archive). */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
};

export type DockerHttpOptions = {
  readonly endpoint: DockerEndpoint;
  readonly tls?: DockerTls | undefined;
};

/** A message of an engine, in JSON, is at most this long: lists of thousands of containers are. */
const maxAnswerBytes = 256 * 2 ** 20;

/** HTTP with a Docker Engine: answers in JSON, streams of bytes, and connections that are taken over. */
export class DockerHttp implements Disposable {
  readonly #options: DockerHttpOptions;
  readonly #agent: http.Agent;
  /** "/v1.41", or "" before it is agreed on. */
  prefix = "";

  constructor(options: DockerHttpOptions) {
    this.#options = options;
    const settings = { keepAlive: true, maxFreeSockets: 8 };
    this.#agent = options.tls === undefined ? new http.Agent(settings) : new https.Agent(settings);
  }

  /** As a user writes it. */
  get name(): string {
    const { endpoint } = this.#options;
    return endpoint.kind === "unix" ? `unix://${endpoint.path}` : `tcp://${endpoint.host}:${endpoint.port}`;
  }

  /** The answer's body, read as JSON; undefined for an empty one, and for 304, which changed nothing. */
  async json<T>(request: DockerRequest): Promise<T> {
    const answer = await this.stream(request);
    const text = await readText(answer, request);
    if (text === "") return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new DockerError("Internal", `${titleOf(request)}: the answer is not JSON`, { cause });
    }
  }

  /** The answer's body, which the caller reads, and ends with that; it throws as this does. */
  async stream(request: DockerRequest): Promise<AsyncIterable<Buffer>> {
    const sent = this.#send(request, {});
    try {
      const [answer] = (await once(sent, "response", { signal: request.signal })) as [http.IncomingMessage];
      const { statusCode = 0 } = answer;
      if (statusCode < 400) return this.#body(request, answer);
      throw refusal(request, statusCode, await readText(answer, request));
    } catch (error) {
      sent.destroy();
      throw this.#failure(request, error);
    }
  }

  /**
   * The connection itself, after the request: what the client writes and the engine sends from then on are
   * streams of a process. Half-closes pass.
   */
  async hijack(request: DockerRequest): Promise<Duplex> {
    const sent = this.#send(request, { Connection: "Upgrade", Upgrade: "tcp" });
    const refused = once(sent, "response", { signal: request.signal }).then(async ([answer]) => {
      const { statusCode = 0 } = answer as http.IncomingMessage;
      throw refusal(request, statusCode, await readText(answer as http.IncomingMessage, request));
    });
    refused.catch(() => undefined);
    try {
      const upgraded = once(sent, "upgrade", { signal: request.signal });
      upgraded.catch(() => undefined);
      const [, socket, head] = (await Promise.race([upgraded, refused])) as [unknown, Duplex, Buffer];
      if (head.length > 0) socket.unshift(head);
      return socket;
    } catch (error) {
      sent.destroy();
      throw this.#failure(request, error);
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #send(request: DockerRequest, more: Readonly<Record<string, string>>): http.ClientRequest {
    const { endpoint, tls } = this.#options;
    const { method, body, headers } = request;
    const upgrade = "Upgrade" in more;
    const options: https.RequestOptions = {
      ...(endpoint.kind === "unix"
        ? { socketPath: endpoint.path, host: "docker" }
        : { host: endpoint.host, port: endpoint.port }),
      ...tls,
      // A connection that is taken over is nobody else's again.
      agent: upgrade ? false : this.#agent,
      method,
      // Also while the answer is read.
      ...(request.signal !== undefined && { signal: request.signal }),
      path: `${this.prefix}${request.path}${queryOf(request)}`,
      headers: { ...headers, ...more },
    };
    const sent = tls === undefined ? http.request(options) : https.request(options);
    if (body === undefined) sent.end();
    else if (isByteStream(body)) {
      sent.setHeader("Content-Type", "application/x-tar");
      body.pipe(sent);
      body.once("error", (error) => sent.destroy(error));
    } else if (body instanceof Uint8Array) {
      sent.setHeader("Content-Type", "application/x-tar");
      sent.end(body);
    } else {
      const text = JSON.stringify(body);
      sent.setHeader("Content-Type", "application/json");
      sent.setHeader("Content-Length", Buffer.byteLength(text));
      sent.end(text);
    }
    // `once` hears the first one; a connection that breaks later is its reader's to notice.
    sent.on("error", () => undefined);
    return sent;
  }

  async *#body(request: DockerRequest, answer: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* answer;
    } catch (error) {
      throw this.#failure(request, error);
    }
  }

  #failure(request: DockerRequest, error: unknown): unknown {
    if (error instanceof DockerError) return error;
    request.signal?.throwIfAborted();
    return new DockerError(
      "Unavailable",
      `${titleOf(request)}: the Docker Engine at ${this.name} does not answer; check that dockerd runs, docker.host and docker.tls`,
      { cause: error },
    );
  }
}

function isByteStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof body === "object" && body !== null && "pipe" in body;
}

function queryOf({ query = {} }: DockerRequest): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, `${value}`]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

function titleOf({ method, path }: DockerRequest): string {
  return `Docker ${method} ${path}`;
}

/** The engine's own words are in `message`. */
function refusal(request: DockerRequest, status: number, text: string): DockerError {
  const message = messageIn(text) || `HTTP ${status}`;
  return new DockerError(codeOfStatus(status, message), `${titleOf(request)}: ${message}`, { status });
}

function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === "string" ? message.trim() : text.trim();
  } catch {
    return text.trim();
  }
}

async function readText(answer: AsyncIterable<Buffer>, request: DockerRequest): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += chunk.length;
    if (length > maxAnswerBytes)
      throw new DockerError("ResourceExhausted", `${titleOf(request)}: the answer is longer than 256 MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
