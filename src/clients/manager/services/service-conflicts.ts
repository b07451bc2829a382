import type { Manifest, ManifestOf } from "../../manifests/index.ts";
import { titleOf } from "../objects.ts";
import { familyOf, wishedAddresses } from "./ip-families.ts";
import {
  portKey,
  type ServiceStatus,
  type StoredService,
  servedPorts,
  statusOf,
} from "./service-addresses.ts";

/** An address or a port that only one service can have. */
type Holding = { readonly what: string; readonly title: string; readonly isApplied: boolean };

/** Messages about requests of applied services that conflict with other services. */
export function serviceConflicts(
  manifests: readonly Manifest[],
  stored: readonly StoredService[],
): readonly string[] {
  const applied = new Map(
    manifests.flatMap((one) => (one.kind === "Service" ? [[nameOf(one), one] as const] : [])),
  );
  const kept = new Map(
    stored.flatMap((one) => (one.deleting === undefined ? [[nameOf(one.manifest), one] as const] : [])),
  );
  const holdings = [
    ...[...kept].flatMap(([title, service]) =>
      applied.has(title) ? [] : holdingsOf(service.manifest, statusOf(service), false),
    ),
    ...[...applied].flatMap(([title, manifest]) => {
      const before = kept.get(title);
      return holdingsOf(manifest, before === undefined ? {} : statusOf(before), true);
    }),
  ];
  return Object.values(Object.groupBy(holdings, ({ what }) => what)).flatMap((same = []) => clash(same));
}

function clash([first, ...others]: readonly Holding[]): readonly string[] {
  return others
    .filter(({ isApplied }) => isApplied)
    .map(({ title, what }) => `${title} cannot have ${what}: ${first?.title} has it`);
}

/** The requested addresses and ports, and assigned ones where none are requested. */
function holdingsOf(
  manifest: ManifestOf<"Service">,
  given: ServiceStatus,
  isApplied: boolean,
): readonly Holding[] {
  const { spec } = manifest;
  const wished = wishedAddresses(spec);
  const kept = (given.clusterIPs ?? []).filter((one) =>
    wished.every((other) => familyOf(other) !== familyOf(one)),
  );
  const ports = servedPorts(spec).flatMap((port) => port.nodePort ?? given.nodePorts?.[portKey(port)] ?? []);
  const all = [
    ...[...wished, ...kept].map((address) => `the clusterIP ${address}`),
    // One service may have the same number for TCP and UDP.
    ...[...new Set(ports)].map((port) => `the nodePort ${port}`),
  ];
  return all.map((what) => ({ what, title: nameOf(manifest), isApplied }));
}

function nameOf({ kind, metadata }: Manifest): string {
  return titleOf({ kind, ...metadata });
}
