import type { DockerInfo } from "../../parts/dockerapi/index.ts";

/** What the connected Docker Engine supports. */
export type EngineAbilities = {
  readonly cgroupDriver: "systemd" | "cgroupfs";
  /** Whether it applies SELinux labels to containers. */
  readonly hasSelinux: boolean;
  /** Whether it applies AppArmor profiles to containers; if not, it silently ignores requested ones. */
  readonly hasApparmor: boolean;
  /** Whether it can give containers CDI devices. */
  readonly hasCdi: boolean;
};

/** Derives the abilities from Docker's `/info`. */
export function abilitiesOf({ CgroupDriver, SecurityOptions, CDISpecDirs }: DockerInfo): EngineAbilities {
  const options = SecurityOptions ?? [];
  return {
    cgroupDriver: CgroupDriver === "systemd" ? "systemd" : "cgroupfs",
    hasSelinux: options.includes("name=selinux"),
    hasApparmor: options.includes("name=apparmor"),
    hasCdi: (CDISpecDirs ?? []).length > 0,
  };
}
