import type { containerd } from "../../ground/protocol/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import type { Lease, LeaseResource } from "../../services/leases/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import { ContainerdError } from "./errors.ts";

const snapshots = "snapshots/";

/**
 * Parses a leased resource. containerd's types are `content`, `images`, `ingests` and
 * `snapshots/SNAPSHOTTER`. Throws InvalidArgument, and Unimplemented for other types.
 */
export function toResource(resource: containerd.leasesV1.Resource | undefined): LeaseResource {
  const { id = "", type = "" } = resource ?? {};
  if (id === "") throw new ContainerdError("InvalidArgument", "resource: missing, or without an id");
  if (type === "content") return { kind: "content", digest: parseDigest(id) };
  if (type === "images") return { kind: "image", name: id };
  if (type === "ingests") return { kind: "ingest", ref: id };
  const [kind, snapshotter = "", ...more] = type.split("/");
  if (kind === "snapshots" && (snapshotter === "" || more.length > 0))
    throw new ContainerdError(
      "InvalidArgument",
      `resource: the type ${JSON.stringify(type)} must be ${snapshots} with the name of a snapshotter`,
    );
  if (kind === "snapshots") return { kind: "snapshot", snapshotter, key: id };
  if (kind === "content" || kind === "images" || kind === "ingests")
    throw new ContainerdError(
      "InvalidArgument",
      `resource: the type ${JSON.stringify(type)} must be ${kind} alone`,
    );
  throw new ContainerdError("Unimplemented", `resource: the type ${JSON.stringify(type)} cannot be leased`);
}

export function toResourceMessage(resource: LeaseResource): containerd.leasesV1.Resource {
  if (resource.kind === "content") return { id: resource.digest, type: "content" };
  if (resource.kind === "image") return { id: resource.name, type: "images" };
  if (resource.kind === "ingest") return { id: resource.ref, type: "ingests" };
  return { id: resource.key, type: `${snapshots}${resource.snapshotter}` };
}

/**
 * Adds a resource that a call is about to create to the call's lease, if it has one. Throws LeaseError
 * NotFound if the lease does not exist.
 */
export async function addToLease(
  { leases }: NamespaceStorage,
  leaseId: string,
  resource: LeaseResource,
): Promise<void> {
  if (leaseId === "") return;
  await leases.addResources(leaseId, [resource], durabilityIn(leases.find(leaseId)));
}

/**
 * The durability of writes for a lease and of what is started under it. An expiring lease, which clients take
 * for one piece of work, may be lost if the machine crashes: the commit that completes the work also makes
 * the earlier writes durable, and a lease whose deletion is lost expires by itself.
 */
export function durabilityIn(lease: Pick<Lease, "expiresAtNs"> | undefined): "atOnce" | "withNext" {
  return lease?.expiresAtNs === undefined ? "atOnce" : "withNext";
}
