import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { OciSpec } from "../spec/types.ts";

/**
 * - `leave-stopped`: the processes wait, stopped, to be looked at before they run;
 * - `tcp-close`: the pod has another address, so connections to others cannot go on; programs find them closed.
 */
const restoreConfig = "leave-stopped\ntcp-close\n";

/**
 * The spec with which a container is restored: criu gets its configuration by an annotation that runc and crun know
 * (`org.criu.config`), which goes before the host's own for OCI runtimes.
 */
export async function restoreSpec(spec: OciSpec, bundleDir: string): Promise<OciSpec> {
  const config = join(bundleDir, "criu.conf");
  await writeFile(config, restoreConfig, { mode: 0o600 });
  return { ...spec, annotations: { ...spec.annotations, "org.criu.config": config } };
}

/** What the OCI runtime's `restore` is told besides what conmon tells it. */
export function restoreOptions({ process }: OciSpec): readonly string[] {
  const profile = process.apparmorProfile;
  // Not the profile that the images name.
  return ["--file-locks", ...(profile === undefined ? [] : ["--lsm-profile", `apparmor:${profile}`])];
}
