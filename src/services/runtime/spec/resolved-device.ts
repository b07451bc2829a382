import type { OciDevice, OciSpec } from "./types.ts";

/** A device as it is to appear, and what may be done with it (some of r, w, m). */
export type ResolvedDevice = {
  readonly device: OciDevice;
  readonly access: string;
  /** Where it is on the host. */
  readonly hostPath: string;
};

/**
 * In a user namespace nobody may make devices: OCI runtimes bind them from the same path on the host. Those
 * that are to appear elsewhere become mounts here. What may be done with them is the cgroup's to say, as
 * ever; their owners are the host's.
 */
export function withMappedDevices(spec: OciSpec, devices: readonly ResolvedDevice[]): OciSpec {
  const moved = new Map(devices.map(({ device, hostPath }) => [device.path, hostPath] as const));
  const bound = spec.linux.devices.filter(({ path }) => (moved.get(path) ?? path) !== path);
  const mounts = bound.map(({ path }) => ({
    destination: path,
    type: "bind",
    source: moved.get(path) ?? path,
    options: ["bind", "rprivate", "rw", "nosuid", "noexec"],
  }));
  const rest = spec.linux.devices.filter((device) => !bound.includes(device));
  return { ...spec, mounts: [...spec.mounts, ...mounts], linux: { ...spec.linux, devices: rest } };
}
