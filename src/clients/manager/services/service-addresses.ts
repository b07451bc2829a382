import { createHash } from "node:crypto";
import type { ManifestOf } from "../../manifests/index.ts";
import type { ServiceNetwork } from "../../servicenet/index.ts";
import type { ObjectStatus, StoredObject } from "../objects.ts";

export type StoredService = StoredObject<ManifestOf<"Service">>;
type Spec = StoredService["manifest"]["spec"];

/** What a service was given, for as long as it is there. */
export type ServiceStatus = ObjectStatus & {
  /** Undefined for a headless service. */
  readonly clusterIP?: string;
  /** By {@link portKey}. */
  readonly nodePorts?: { readonly [Port in string]?: number };
};

/** As clusters have it unless they say otherwise. */
const nodePorts = { first: 30_000, count: 2768 };

/** `80/TCP`. */
export function portKey({ port, protocol = "TCP" }: NonNullable<Spec["ports"]>[number]): string {
  return `${port}/${protocol}`;
}

export function statusOf({ status }: StoredService): ServiceStatus {
  return status ?? {};
}

/** What a service has, made whole: what it has already stays where it may, and no other one has the same. */
export function addressesFor(
  service: StoredService,
  others: readonly StoredService[],
  network: Pick<ServiceNetwork, "hasAddress" | "addressAt">,
): ServiceStatus {
  const { metadata, spec } = service.manifest;
  const before = statusOf(service);
  const title = `${metadata.namespace}/${metadata.name}`;
  return {
    ...(spec.clusterIP === "None" ? {} : { clusterIP: addressOf() }),
    ...(hasNodePorts(spec) ? { nodePorts: portsOf() } : {}),
  };

  function addressOf(): string {
    const taken = new Set(others.map((one) => statusOf(one).clusterIP));
    const wished = [spec.clusterIP, before.clusterIP].find(
      (one) => one !== undefined && network.hasAddress(one) && !taken.has(one),
    );
    return wished ?? firstFree(numberOf(title), (index) => network.addressAt(index), taken);
  }

  function portsOf(): NonNullable<ServiceStatus["nodePorts"]> {
    const taken = new Set(others.flatMap((one) => Object.values(statusOf(one).nodePorts ?? {})));
    const given: Record<string, number> = {};
    for (const port of spec.ports ?? []) {
      const key = portKey(port);
      const chosen =
        port.nodePort ??
        before.nodePorts?.[key] ??
        firstFree(numberOf(`${title} ${key}`), (index) => nodePorts.first + (index % nodePorts.count), taken);
      given[key] = chosen;
      taken.add(chosen);
    }
    return given;
  }
}

function hasNodePorts({ type }: Spec): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}

/** A number that a name always has, so that services come back to what they had. */
function numberOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32LE();
}

function firstFree<T>(start: number, at: (index: number) => T, taken: ReadonlySet<T | undefined>): T {
  let index = start;
  while (taken.has(at(index))) index++;
  return at(index);
}
