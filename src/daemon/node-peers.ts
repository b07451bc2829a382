import type { Config } from "../ground/config/index.ts";
import type { Logger } from "../ground/logging/index.ts";
import type { Digest } from "../parts/oci/index.ts";
import { PeerAddresses, PeerServer, Peers, readPeerSettings } from "../services/peers/index.ts";
import type { Storage } from "../services/storage/index.ts";

/** This node's exchange of blobs with its peers, as a client and as a server. */
export class NodePeers implements AsyncDisposable {
  /** Undefined if no peers are configured. */
  readonly peers: Peers | undefined;
  readonly #server: PeerServer | undefined;

  private constructor(peers: Peers | undefined, server: PeerServer | undefined) {
    this.peers = peers;
    this.#server = server;
  }

  /** Throws PeerError if the configuration cannot be used. */
  static async open(config: Config, storage: Storage, logger: Logger): Promise<NodePeers> {
    const settings = config.images.peers;
    if (settings.listen === "" && settings.from.length === 0) return new NodePeers(undefined, undefined);
    const { access, server: serving } = await readPeerSettings(settings);
    const addresses = new PeerAddresses(settings.from, logger);
    const stores = await Promise.all(
      settings.namespaces.map(async (namespace) => (await storage.inNamespace(namespace)).content),
    );
    const find = (digest: Digest) => {
      const store = stores.find((each) => each.has(digest));
      return store === undefined
        ? undefined
        : { path: store.path(digest), size: store.info(digest).sizeBytes };
    };
    const server = serving === undefined ? undefined : await PeerServer.start(serving, find, logger);
    if (server !== undefined) logger.info(`serving blobs to peers at ${settings.listen}`);
    const peers = settings.from.length === 0 ? undefined : new Peers(access, addresses, server?.port, logger);
    return new NodePeers(peers, server);
  }

  /** Counts since the daemon started; undefined without peers. */
  get counts(): object | undefined {
    if (this.peers === undefined && this.#server === undefined) return undefined;
    return { ...this.peers?.counts, ...this.#server?.counts };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}
