import type { DockerInfo } from "../../parts/dockerapi/index.ts";

/** What an engine can do for containers. */
export type EngineAbilities = {
  readonly cgroupDriver: "systemd" | "cgroupfs";
  /** Whether it gives containers labels of SELinux. */
  readonly hasSelinux: boolean;
  /** Whether it gives containers profiles of AppArmor; without it, it ignores those that are asked for. */
  readonly hasApparmor: boolean;
  /** Whether it can give containers CDI devices. */
  readonly hasCdi: boolean;
};

/** By what it says of itself. */
export function abilitiesOf({ CgroupDriver, SecurityOptions, CDISpecDirs }: DockerInfo): EngineAbilities {
  const options = SecurityOptions ?? [];
  return {
    cgroupDriver: CgroupDriver === "systemd" ? "systemd" : "cgroupfs",
    hasSelinux: options.includes("name=selinux"),
    hasApparmor: options.includes("name=apparmor"),
    hasCdi: (CDISpecDirs ?? []).length > 0,
  };
}
