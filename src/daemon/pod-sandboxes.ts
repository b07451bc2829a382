import type { PodSandboxes, PodTasks } from "../doors/containerd/index.ts";
import type { PodEngine } from "../engines/pods/index.ts";
import { nowNs } from "../ground/clock/index.ts";
import { type CgroupDriver, podCgroup } from "../services/runtime/index.ts";

/** An engine's tasks: those of containers by container id, and pause processes by pod id. */
export function podTasks(engine: Pick<PodEngine, "tasks" | "sandboxes" | "pause">): PodTasks {
  return {
    get: (id) => engine.tasks.get(id) ?? engine.pause(id),
    list: () => [
      ...engine.tasks.list(),
      ...engine.sandboxes.list().flatMap(({ id }) => engine.pause(id) ?? []),
    ],
  };
}

/** The pods of an engine, as containerd's API knows them. */
export function podSandboxes(
  engine: Pick<PodEngine, "sandboxes" | "containers" | "events">,
  driver: CgroupDriver,
): PodSandboxes {
  const { sandboxes } = engine;
  return {
    get: (id) => {
      const { state, createdAtNs, config, ips, handler } = sandboxes.get(id);
      const { name = "", namespace = "", uid = "", attempt = 0 } = config.metadata ?? {};
      const cgroup = podCgroup(driver, config.linux?.cgroupParent ?? "");
      return { state, createdAtNs, cgroup, ips, handler, name: [name, namespace, uid, attempt].join("_") };
    },
    pid: (id) => sandboxes.pid(id),
    spec: (id) => sandboxes.spec(id),
    inspect: (id) => sandboxes.inspect(id),
    update: (containerId, resources) => engine.containers.update(containerId, resources),
    stop: (id) => sandboxes.stop(id),
    remove: (id) => sandboxes.remove(id),
    ended: async (id, signal) => {
      const over = new AbortController();
      using _listening = { [Symbol.dispose]: () => over.abort() };
      // Before its state is checked, so that nothing in between is missed.
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
