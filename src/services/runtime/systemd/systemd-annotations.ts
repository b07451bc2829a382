import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import type { OciSpec } from "../spec/types.ts";
import { systemdProperties } from "./systemd-properties.ts";

/**
 * The spec with a container's limits as properties of its scope, in the annotations by which OCI runtimes
 * hand such to systemd. crun 1.8 writes limits into the cgroup alone, where the next `daemon-reload` takes
 * them back; runc tells systemd by itself. Lists of processors have no form there; they hold as long as
 * nobody sets them in systemd.
 */
export function withSystemdAnnotations(
  spec: OciSpec,
  { type }: Pick<RuncLikeHandler, "type">,
  driver: CgroupDriver,
  layout: CgroupLayout,
): OciSpec {
  if (driver !== "systemd" || type !== "crun") return spec;
  const numbers = systemdProperties(spec.linux.resources, layout).filter(([, kind]) => kind === "t");
  const annotations = numbers.map(([name, , value]) => [`org.systemd.property.${name}`, `uint64 ${value}`]);
  return { ...spec, annotations: { ...spec.annotations, ...Object.fromEntries(annotations) } };
}
