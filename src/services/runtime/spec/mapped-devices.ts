import type { ResolvedDevice } from "./resolved-device.ts";
import type { OciSpec } from "./types.ts";

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
