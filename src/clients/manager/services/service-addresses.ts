import { createHash } from "node:crypto";
import { type ManifestOf, nodePorts } from "../../manifests/index.ts";
import type { ServiceNetwork } from "../../servicenet/index.ts";
import { ManagerError } from "../errors.ts";
import type { ObjectStatus, StoredObject } from "../objects.ts";
import { familiesOf, familyNumbers, familyOf, wishedAddresses } from "./ip-families.ts";

export type StoredService = StoredObject<ManifestOf<"Service">>;
type Spec = StoredService["manifest"]["spec"];

/** The addresses and ports that were assigned to a service. */
export type ServiceStatus = ObjectStatus & {
  /**
   * In the order of families, the service's primary one first; undefined for a headless service and for an
   * alias.
   */
  readonly clusterIPs?: readonly string[];
  /** By {@link portKey}. */
  readonly nodePorts?: { readonly [Port in string]?: number };
};

/** `80/TCP`. */
export function portKey({ port, protocol = "TCP" }: NonNullable<Spec["ports"]>[number]): string {
  return `${port}/${protocol}`;
}

export function statusOf({ status }: StoredService): ServiceStatus {
  return status ?? {};
}

/**
 * Completes the addresses and ports of a service: assigned ones are kept if possible, and none is used twice.
 * Throws ManagerError FailedPrecondition if none is free.
 */
export function addressesFor(
  service: StoredService,
  others: readonly StoredService[],
  network: Pick<ServiceNetwork, "hasAddress" | "addressAt" | "families">,
): ServiceStatus {
  const { metadata, spec } = service.manifest;
  const before = statusOf(service);
  const title = `${metadata.namespace}/${metadata.name}`;
  return {
    ...(spec.clusterIP === "None" || spec.type === "ExternalName" ? {} : { clusterIPs: addresses() }),
    ...(servedPorts(spec).length > 0 ? { nodePorts: portsOf() } : {}),
  };

  function addresses(): readonly string[] {
    const given = others.flatMap((one) => statusOf(one).clusterIPs ?? []);
    const wishes = others.flatMap((one) => wishedAddresses(one.manifest.spec));
    const taken = new Set([...given, ...wishes]);
    const preferred = [...wishedAddresses(spec), ...(before.clusterIPs ?? [])];
    return familiesOf(spec)
      .filter((family) => network.families.includes(familyNumbers[family]))
      .map((family) => {
        const own = preferred.filter((one) => familyOf(one) === family);
        return (
          own.find((one) => network.hasAddress(one) && !given.includes(one)) ??
          firstFree(numberOf(title), (index) => network.addressAt(familyNumbers[family], index), taken) ??
          noneFree(`${family} address`)
        );
      });
  }

  function portsOf(): NonNullable<ServiceStatus["nodePorts"]> {
    const taken = new Set([
      ...others.flatMap((one) => Object.values(statusOf(one).nodePorts ?? {})),
      // Explicitly requested ports are not given to services that accept any.
      ...[service, ...others].flatMap((one) => servedPorts(one.manifest.spec)).map((port) => port.nodePort),
    ]);
    const given: Record<string, number> = {};
    for (const port of servedPorts(spec)) {
      const key = portKey(port);
      const chosen =
        port.nodePort ??
        before.nodePorts?.[key] ??
        firstFree(
          numberOf(`${title} ${key}`),
          (index) => nodePorts.first + (index % (nodePorts.last - nodePorts.first + 1)),
          taken,
        ) ??
        noneFree("node port");
      given[key] = chosen;
      taken.add(chosen);
    }
    return given;
  }

  function noneFree(what: string): never {
    throw new ManagerError("FailedPrecondition", `Service ${title}: no ${what} is free`);
  }
}

/** The ports that also have a node port. */
export function servedPorts({ type, ports = [] }: Spec): NonNullable<Spec["ports"]> {
  return type === "NodePort" || type === "LoadBalancer" ? ports : [];
}

/** A number derived from a name, so that services get the same addresses again. */
function numberOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32LE();
}

/** The first free value of a sequence that repeats; undefined if all are taken. */
function firstFree<T>(
  start: number,
  at: (index: number) => T,
  taken: ReadonlySet<T | undefined>,
): T | undefined {
  for (let index = start; index <= start + taken.size; index++) if (!taken.has(at(index))) return at(index);
  return undefined;
}
