import type { Worker } from "node:worker_threads";
import { messageOf } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { endThread, startThread, threadFile } from "../../ground/threads/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import { PeerError } from "./peer.ts";
import type { FromPeerServer, ServedBlob, ToPeerServer } from "./peer-messages.ts";
import type { ServerSettings } from "./peer-settings.ts";

/** Counts of other nodes' requests since the daemon started. */
export type ServeCounts = {
  readonly served: number;
  readonly servedBytes: number;
  readonly missing: number;
  /** Rejected because there were too many uploads. */
  readonly busy: number;
  /** Requests without the token. Nodes without a certificate cannot connect. */
  readonly refused: number;
};

/** Looks up a blob that may be served; undefined for any other digest. */
export type FindBlob = (digest: Digest) => ServedBlob | undefined;

/** Serves blobs to other nodes by digest. Disposing ends its thread. */
export class PeerServer implements AsyncDisposable {
  readonly port: number;
  readonly #worker: Worker;
  readonly #counts: { -readonly [Key in keyof ServeCounts]: number };

  private constructor(worker: Worker, port: number, counts: PeerServer["counts"]) {
    this.#worker = worker;
    this.port = port;
    this.#counts = counts;
  }

  /** Throws PeerError Unavailable if it cannot listen. */
  static async start(settings: ServerSettings, find: FindBlob, logger: Logger): Promise<PeerServer> {
    const counts = { served: 0, servedBytes: 0, missing: 0, busy: 0, refused: 0 };
    const worker = startThread(threadFile(import.meta.url, "./peer-server-worker"), {
      name: "peers",
      workerData: settings,
    });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.on("message", (message: FromPeerServer) => {
      switch (message.kind) {
        case "listening":
          return resolve(message.port);
        case "failed":
          return reject(new PeerError("Unavailable", `images.peers: cannot listen: ${message.message}`));
        case "lookUp": {
          const answer: ToPeerServer = { id: message.id, blob: find(message.digest) };
          return worker.postMessage(answer);
        }
        case "answered":
          counts[message.what]++;
          counts.servedBytes += message.bytes;
      }
    });
    worker.on("error", (err) => {
      reject(new PeerError("Unavailable", `images.peers: cannot listen: ${messageOf(err)}`, { cause: err }));
      logger.error({ err }, "the thread that serves peers died; this node no longer serves peers");
    });
    try {
      return new PeerServer(worker, await promise, counts);
    } catch (error) {
      await endThread(worker);
      throw error;
    }
  }

  get counts(): ServeCounts {
    return { ...this.#counts };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endThread(this.#worker);
  }
}
