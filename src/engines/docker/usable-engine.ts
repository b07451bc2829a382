import type { DockerInfo } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";

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
