import type { SecurityProfiles } from "../../services/profiles/index.ts";
import { type Checkpoints, EngineError } from "../engine/index.ts";

function refused(what: string, why: string): EngineError {
  return new EngineError("Unimplemented", `${what} is not supported with the Docker engine: ${why}`);
}

const noCheckpoints = () =>
  refused(
    "checkpoints",
    'Docker writes them into its own directories, not into those of a pod; use engine.name = "native"',
  );

/** Checkpoints in CRI's sense, which Docker's API can neither create nor restore. */
export const dockerCheckpoints: Checkpoints = {
  checkpointContainer: async () => {
    throw noCheckpoints();
  },
  checkpointPod: async () => {
    throw noCheckpoints();
  },
  restorePod: async () => {
    throw noCheckpoints();
  },
};

const noProfiles = () =>
  refused("seccomp profiles from registries", "they are stored by the native engine; use localhost profiles");

export const dockerProfiles: SecurityProfiles = {
  pull: async () => {
    throw noProfiles();
  },
  list: () => [],
  remove: async () => {},
  read: async () => {
    throw noProfiles();
  },
};
