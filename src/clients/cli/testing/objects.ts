import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  container,
  containerConfig,
  id,
  podSandboxConfig,
  sandbox,
} from "../../../doors/cri/testing/samples.ts";
import type { Endpoint } from "./cli.ts";

const running = { kind: "running", pid: 7, startedAtNs: 3n } as const;

/** Adds a pod to the endpoint's engine; its id begins with `prefix`. */
export function addPod(
  { engine }: Endpoint,
  prefix: string,
  name: string,
  { namespace = "default", uid = `uid of ${name}`, attempt = 0, labels = {} } = {},
) {
  const config = podSandboxConfig({ metadata: { name, namespace, uid, attempt }, labels });
  const made = sandbox({ id: id(prefix), config, createdAtNs: BigInt(Date.now()) * 1_000_000n });
  engine.sandboxTable.set(made.id, made);
  return made;
}

/** Adds a running container to the endpoint's engine, in the pod whose id begins with `pod`. */
export function addContainer(
  { engine }: Endpoint,
  prefix: string,
  name: string,
  pod: string,
  changes: Parameters<typeof container>[0] = {},
  attempt = 0,
) {
  const config = containerConfig({ metadata: { name, attempt } });
  const made = container({ id: id(prefix), sandboxId: id(pod), config, state: running, ...changes });
  engine.containerTable.set(made.id, made);
  return made;
}

/** Ends a container of the endpoint's engine. */
export function endContainer({ engine }: Endpoint, containerId: string, exitCode: number): void {
  const made = engine.containers.get(containerId);
  engine.containerTable.set(made.id, { ...made, state: exited(exitCode) });
}

function exited(exitCode: number) {
  const times = { startedAtNs: 1n, finishedAtNs: 2n };
  return { kind: "exited", ...times, exitCode, reason: "Error", message: "" } as const;
}

/** Makes each started container write a log and, unless it stays, end with a status. */
export function playContainers({ engine }: Endpoint, { output = "", exitCode = 0, stays = false } = {}) {
  const { create } = engine.containers;
  engine.containers.create = async (sandboxId, config, sandboxConfig) => {
    const containerId = await create(sandboxId, config, sandboxConfig);
    const made = engine.containers.get(containerId);
    engine.containerTable.set(containerId, {
      ...made,
      logPath: join(sandboxConfig.logDirectory, config.logPath),
    });
    return containerId;
  };
  engine.containers.start = async (containerId) => {
    const made = engine.containers.get(containerId);
    await mkdir(dirname(made.logPath), { recursive: true });
    await writeFile(made.logPath, output);
    engine.containerTable.set(containerId, { ...made, state: stays ? running : exited(exitCode) });
  };
}
