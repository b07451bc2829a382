import { createHash } from "node:crypto";
import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { containerd } from "../../src/ground/protocol/index.ts";
import type { Promised } from "./clients.ts";

const services = {
  containers: containerd.containersV1.ContainersClient,
  content: containerd.contentV1.ContentClient,
  diff: containerd.diffV1.DiffClient,
  events: containerd.eventsV1.EventsClient,
  controller: containerd.sandboxV1.ControllerClient,
  images: containerd.imagesV1.ImagesClient,
  introspection: containerd.introspectionV1.IntrospectionClient,
  leases: containerd.leasesV1.LeasesClient,
  mounts: containerd.mountsV1.MountsClient,
  namespaces: containerd.namespacesV1.NamespacesClient,
  sandboxes: containerd.sandboxV1.StoreClient,
  snapshots: containerd.snapshotsV1.SnapshotsClient,
  streaming: containerd.streamingV1.StreamingClient,
  tasks: containerd.tasksV1.TasksClient,
  transfer: containerd.transferV1.TransferClient,
  version: containerd.versionV1.VersionClient,
} as const;

type WriteRequest = containerd.contentV1.WriteContentRequest;
type ClientOf<Service> = Service extends {
  new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): infer C;
}
  ? C
  : never;
type RawClients = { readonly [Name in keyof typeof services]: ClientOf<(typeof services)[Name]> };

/** Clients of containerd's API, whose calls can carry metadata. */
export class ContainerdClients implements Disposable {
  readonly #raw: RawClients;

  constructor(socket: string) {
    const entries = Object.entries(services).map(([name, Service]) => [
      name,
      new Service(`unix:${socket}`, credentials.createInsecure()),
    ]);
    this.#raw = Object.fromEntries(entries) as RawClients;
  }

  /** Clients for a namespace, and with a lease. */
  in(namespace: string | undefined, lease?: string) {
    const metadata = new Metadata();
    if (namespace !== undefined) metadata.set("containerd-namespace", namespace);
    if (lease !== undefined) metadata.set("containerd-lease", lease);
    const clients = Object.entries(this.#raw).map(([name, client]) => [name, withMetadata(client, metadata)]);
    return {
      ...(Object.fromEntries(clients) as { readonly [Name in keyof RawClients]: Promised<RawClients[Name]> }),
      metadata,
      /** For streams, to which the metadata is passed. */
      raw: this.#raw,
    };
  }

  [Symbol.dispose](): void {
    for (const client of Object.values(this.#raw)) client.close();
  }
}

function withMetadata(client: Client, metadata: Metadata) {
  return new Proxy(client, {
    get: (target, name) => (request: unknown) =>
      new Promise((resolve, reject) => {
        const method = Reflect.get(target, name) as (this: Client, ...args: unknown[]) => unknown;
        method.call(target, request, metadata, (error: ServiceError | null, response: unknown) =>
          error === null ? resolve(response) : reject(error),
        );
      }),
  });
}

/** Writes a blob into the content of a namespace, and returns its digest. */
export async function writeBlob(
  clients: ContainerdClients,
  namespace: string,
  bytes: Uint8Array,
): Promise<string> {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const { raw, metadata } = clients.in(namespace);
  const write: (metadata: Metadata) => ClientDuplexStream<WriteRequest, unknown> = raw.content.write.bind(
    raw.content,
  );
  const stream = write(metadata);
  const request = { action: containerd.contentV1.WriteAction.COMMIT, ref: digest, expected: digest };
  stream.end(
    containerd.contentV1.WriteContentRequest.fromPartial({
      ...request,
      total: BigInt(bytes.length),
      data: Buffer.from(bytes),
    }),
  );
  await stream.resume().toArray();
  return digest;
}
