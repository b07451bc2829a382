import type { OciDevice, OciSpec } from "./types.ts";

/** A device as it appears in the container, and the allowed access (some of r, w, m). */
export type ResolvedDevice = {
  readonly device: OciDevice;
  readonly access: string;
  /** Path of the device on the host. */
  readonly hostPath: string;
};

/**
 * In a user namespace, devices cannot be created: OCI runtimes bind them from the same path on the host.
 * Those that appear at another path become mounts here. Access is controlled by the cgroup, as usual; their
 * owners are the host's.
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
