import type { DockerInfo } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";

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

const unusable = [
  ["name=rootless", "is rootless", "run dockerd as root"],
  ["name=userns", "has userns-remap", "leave that out of its daemon.json"],
] as const;

/**
 * Throws EngineError FailedPrecondition for an engine whose containers are in a user namespace. A pod that
 * requests none has the machine's users, also if it shares the machine's network or is privileged, and berth
 * sets up networks and mounts for it as the machine's root.
 */
export function requireUsable({ SecurityOptions }: DockerInfo): void {
  for (const [option, what, instead] of unusable) {
    if (!(SecurityOptions ?? []).includes(option)) continue;
    throw new EngineError(
      "FailedPrecondition",
      `the Docker Engine ${what}: its containers have their own users, but pods have the machine's; ${instead}`,
    );
  }
}
