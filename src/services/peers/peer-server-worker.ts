/** The thread behind {@link "./peer-server.ts"}: serves blobs to other nodes. */
import { createHash, timingSafeEqual } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../ground/errors/index.ts";
import { threadIsLoaded } from "../../ground/threads/index.ts";
import { type Digest, isDigest } from "../../parts/oci/index.ts";
import { blobsPath } from "./peer.ts";
import type { FromPeerServer, ServedBlob, ToPeerServer } from "./peer-messages.ts";
import type { ServerSettings } from "./peer-settings.ts";
import { parseRange } from "./range.ts";

type Port = NonNullable<typeof parentPort>;

class BlobServer {
  readonly #settings: ServerSettings;
  readonly #port: Port;
  readonly #lookUps = new Map<number, (blob: ServedBlob | undefined) => void>();
  #nextLookUp = 1;
  #uploads = 0;

  constructor(settings: ServerSettings, port: Port) {
    this.#settings = settings;
    this.#port = port;
  }

  found(id: number, blob: ServedBlob | undefined): void {
    this.#lookUps.get(id)?.(blob);
    this.#lookUps.delete(id);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    if (!this.#mayAsk(request)) return this.#end(response, 401, "refused");
    if (method !== "GET" && method !== "HEAD") return this.#end(response, 405, "refused");
    const digest = url.startsWith(blobsPath) ? url.slice(blobsPath.length) : "";
    if (!isDigest(digest)) return this.#end(response, 404, "missing");
    if (method === "GET" && this.#uploads >= this.#settings.maxUploads) {
      response.setHeader("retry-after", "1");
      return this.#end(response, 503, "busy");
    }
    const upload = method === "GET" ? 1 : 0;
    this.#uploads += upload;
    try {
      const blob = await this.#lookUp(digest);
      if (blob === undefined) return this.#end(response, 404, "missing");
      await this.#send(request, response, blob);
    } finally {
      this.#uploads -= upload;
    }
  }

  /** Certificates were already checked during the handshake. */
  #mayAsk({ headers }: IncomingMessage): boolean {
    const { clients } = this.#settings;
    if (clients.kind === "certificate") return true;
    const hash = (text: string) => createHash("sha256").update(text).digest();
    return timingSafeEqual(hash(headers.authorization ?? ""), hash(`Bearer ${clients.token}`));
  }

  #lookUp(digest: Digest): Promise<ServedBlob | undefined> {
    const id = this.#nextLookUp++;
    const { promise, resolve } = Promise.withResolvers<ServedBlob | undefined>();
    this.#lookUps.set(id, resolve);
    this.#tell({ kind: "lookUp", id, digest });
    return promise;
  }

  async #send(request: IncomingMessage, response: ServerResponse, { path, size }: ServedBlob): Promise<void> {
    const range = parseRange(request.headers.range, size);
    if (range === "unsatisfiable") {
      response.setHeader("content-range", `bytes */${size}`);
      return this.#end(response, 416, "missing");
    }
    const { start, end } = range ?? { start: 0, end: size };
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    response.writeHead(range === undefined ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": end - start,
      "accept-ranges": "bytes",
      ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${size}` }),
    });
    if (request.method === "HEAD" || start === end) {
      response.end();
      return;
    }
    const bytes = file.createReadStream({ start, end: end - 1, highWaterMark: 256 * 1024, autoClose: false });
    await pipeline(bytes, response);
    this.#tell({ kind: "answered", what: "served", bytes: end - start });
  }

  #end(response: ServerResponse, status: number, what: "missing" | "busy" | "refused"): void {
    this.#tell({ kind: "answered", what, bytes: 0 });
    response.writeHead(status, { "content-length": 0 }).end();
  }

  #tell(message: FromPeerServer): void {
    this.#port.postMessage(message);
  }
}

function makeServer({ tls, clients }: ServerSettings, listener: RequestListener): Server | TlsServer {
  if (tls === undefined) return createServer(listener);
  const asked =
    clients.kind === "token" ? {} : { ca: clients.ca, requestCert: true, rejectUnauthorized: true };
  const options = { cert: tls.certificate, key: tls.key, minVersion: "TLSv1.3", ...asked } as const;
  return createTlsServer(options, listener);
}

function serve(settings: ServerSettings, port: Port): void {
  const blobs = new BlobServer(settings, port);
  const server = makeServer(settings, (request, response) => {
    blobs.answer(request, response).catch(() => {
      // The peer or the file is gone: the announced length cannot be sent any more.
      response.destroy();
    });
  });
  const tell = (message: FromPeerServer): void => port.postMessage(message);
  // An idle connection is closed after this time to make room for others.
  server.setTimeout(settings.timeoutMs);
  server.headersTimeout = settings.timeoutMs;
  server.requestTimeout = settings.timeoutMs;
  server.maxConnections = 8 * settings.maxUploads + 64;
  server.once("error", (error) => tell({ kind: "failed", message: messageOf(error) }));
  server.listen(settings.port, settings.host, () =>
    tell({ kind: "listening", port: (server.address() as AddressInfo).port }),
  );
  port.on("message", ({ id, blob }: ToPeerServer) => blobs.found(id, blob));
}

threadIsLoaded();
if (parentPort !== null) serve(workerData as ServerSettings, parentPort);
