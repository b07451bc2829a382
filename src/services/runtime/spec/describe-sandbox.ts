import { type CgroupDriver, cgroupsPath } from "../cgroups/cgroups-path.ts";
import { pauseAnnotations } from "./annotations.ts";
import { ociVersion } from "./build-container-spec.ts";
import type { PauseSpecInput } from "./build-pause-spec.ts";
import { sandboxNamespaces } from "./namespaces.ts";

/**
 * Describes a pod without a pause process as an OCI specification, for programs that look there for its
 * annotations, namespaces and cgroup. It has a process without arguments, since such programs expect one; it
 * is never run.
 */
export function describeSandbox({
  sandbox,
  sandboxConfig,
  cgroupDriver,
  annotationRules,
}: Pick<PauseSpecInput, "sandbox" | "sandboxConfig" | "annotationRules"> & {
  readonly cgroupDriver: CgroupDriver;
}): object {
  return {
    ociVersion,
    process: { args: [], env: [], cwd: "/", user: { uid: 0, gid: 0 } },
    root: { path: "", readonly: true },
    hostname: sandbox.hostname,
    mounts: [],
    annotations: pauseAnnotations(sandbox.id, sandboxConfig, annotationRules),
    linux: {
      cgroupsPath: cgroupsPath(cgroupDriver, sandboxConfig.linux?.cgroupParent ?? "", sandbox.id),
      namespaces: sandboxNamespaces(sandbox.namespaces),
    },
  };
}
