import type { PodSandboxes } from "../doors/containerd/index.ts";
import type { Engine } from "../engines/engine/index.ts";
import { nowNs } from "../ground/clock/index.ts";
import { type CgroupDriver, podCgroup } from "../services/runtime/index.ts";

/** The pods of an engine, as containerd's API knows them. */
export function podSandboxes(
  engine: Pick<Engine, "sandboxes" | "events">,
  driver: CgroupDriver,
): PodSandboxes {
  const { sandboxes } = engine;
  return {
    get: (id) => {
      const { state, createdAtNs, config } = sandboxes.get(id);
      return { state, createdAtNs, cgroup: podCgroup(driver, config.linux?.cgroupParent ?? "") };
    },
    inspect: (id) => sandboxes.inspect(id),
    stop: (id, signal) => sandboxes.stop(id, signal),
    remove: (id, signal) => sandboxes.remove(id, signal),
    ended: async (id, signal) => {
      const over = new AbortController();
      using _listening = { [Symbol.dispose]: () => over.abort() };
      // Before its state is looked at: what happens in between must not be missed.
      const changes = engine.events(AbortSignal.any([signal, over.signal]))[Symbol.asyncIterator]();
      const change = changes.next();
      change.catch(() => undefined);
      if (sandboxes.get(id).state === "notReady") return nowNs();
      for (let next = await change; !next.done; next = await changes.next()) {
        const { containerId, kind, sandbox, atNs } = next.value;
        if (containerId === id && (kind === "deleted" || sandbox?.state === "notReady")) return atNs;
      }
      throw signal.reason;
    },
  };
}
