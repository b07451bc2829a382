import type { World } from "../world.ts";

/** A world that is empty except for what is given. */
export function worldOf(given: Partial<World>): World {
  return {
    nowNs: () => 0n,
    nodeLabels: {},
    owned: () => [],
    find: () => undefined,
    adopt: async () => {},
    podStatus: () => undefined,
    create: async () => {},
    change: async () => {},
    remove: async () => {},
    countPod: async () => {},
    setStatus: async () => {},
    tell: () => {},
    lookAgainAfter: () => {},
    ...given,
  };
}
