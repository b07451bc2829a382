import { isDeepStrictEqual } from "node:util";
import { parseRfc3339 } from "../../ground/clock/index.ts";
import type { Handlers } from "../../ground/grpc/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import type { Lease } from "../../services/leases/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import { removeAbandoned } from "./abandoned-snapshots.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { durabilityIn, toResource, toResourceMessage } from "./lease-resources.ts";
import { toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";

/** Holds an RFC 3339 time, from which on the lease protects nothing. */
const expireLabel = "containerd.io/gc.expire";

type LeaseHandlers = Handlers<typeof containerd.leasesV1.LeasesService, ContainerdCall>;

export function leaseHandlers({ activations }: Pick<ServiceOptions, "activations">): LeaseHandlers {
  return {
    async create({ id, labels }, { namespace }) {
      const { leases } = await namespace();
      const expiresAtNs = expiryOf(labels);
      const lease = await leases.create({
        labels,
        ...(id === "" ? {} : { id }),
        ...(expiresAtNs === undefined ? {} : { expiresAtNs, durability: durabilityIn({ expiresAtNs }) }),
      });
      return { lease: toMessage(lease) };
    },

    async delete({ id, sync }, { namespace }) {
      const storage = await namespace();
      const lease = existing(storage, id);
      await storage.leases.delete(id, sync ? "atOnce" : durabilityIn(lease));
      // Unmounted before the snapshots that they show are removed.
      await activations(storage.name).leaseEnded(id);
      await removeAbandoned(storage, lease.resources);
      if (sync) await storage.garbage.collectNow();
      else storage.garbage.collectSoon();
      return {};
    },

    async list({ filters }, { namespace }) {
      const matches = parseFilters(filters);
      const { leases } = await namespace();
      return {
        leases: leases
          .list()
          .filter((lease) => matches((path) => fieldOf(lease, path)))
          .map(toMessage),
      };
    },

    async addResource({ id, resource }, { namespace }) {
      const { leases } = await namespace();
      await leases.addResources(id, [toResource(resource)]);
      return {};
    },

    async deleteResource({ id, resource }, { namespace }) {
      const storage = await namespace();
      const removed = toResource(resource);
      const wasLeased = existing(storage, id).resources.some((each) => isDeepStrictEqual(each, removed));
      await storage.leases.removeResources(id, [removed]);
      if (wasLeased) await removeAbandoned(storage, [removed]);
      storage.garbage.collectSoon();
      return {};
    },

    async listResources({ id }, { namespace }) {
      return { resources: existing(await namespace(), id).resources.map(toResourceMessage) };
    },
  };
}

function existing({ name, leases }: NamespaceStorage, id: string): Lease {
  const lease = leases.get(id);
  if (lease === undefined)
    throw new ContainerdError("NotFound", `lease ${JSON.stringify(id)} in namespace ${name} not found`);
  return lease;
}

function expiryOf(labels: Labels): bigint | undefined {
  const text = labels[expireLabel];
  if (text === undefined || text === "") return undefined;
  const atNs = parseRfc3339(text);
  if (atNs === undefined)
    throw new ContainerdError(
      "InvalidArgument",
      `label ${expireLabel}: ${JSON.stringify(text)} is not a time (RFC 3339)`,
    );
  return atNs;
}

function toMessage({ id, createdAtNs, labels }: Lease): containerd.leasesV1.Lease {
  return { id, createdAt: toTimestamp(createdAtNs), labels: { ...labels } };
}

function fieldOf({ id, labels }: Lease, [field, ...rest]: readonly string[]): string | undefined {
  if (field === "id") return id;
  return field === "labels" ? fieldOfLabels(labels, rest) : undefined;
}
