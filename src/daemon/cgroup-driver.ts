import type { Config } from "../ground/config/index.ts";
import { exists } from "../ground/fs/index.ts";
import { cgroupLayout } from "../ground/linux/index.ts";
import type { CgroupDriver } from "../services/runtime/index.ts";

/**
 * The configured driver; for "auto", systemd if it is the machine's init (sd_booted(3)) and cgroups are
 * version 2, as kubeadm configures kubelets.
 */
export async function cgroupDriver(configured: Config["cgroup"]["driver"]): Promise<CgroupDriver> {
  if (configured !== "auto") return configured;
  const layout = await cgroupLayout();
  return layout?.kind === "v2" && (await exists("/run/systemd/system")) ? "systemd" : "cgroupfs";
}
