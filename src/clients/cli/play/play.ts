import { systemClock } from "../../../ground/clock/index.ts";
import { AuthConfig } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { isOfKind, jobEnd, keyOf, Manager, type StoredPod, titleOf } from "../../manager/index.ts";
import type { Manifest } from "../../manifests/index.ts";
import { exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { styleFor } from "../output/style.ts";
import { printableLines } from "../output/table.ts";
import { authConfig, keptCredentials } from "../pull/credentials.ts";
import { KeptPods } from "./kept-pods.ts";
import { removeLeftPods } from "./left-pods.ts";
import { PodLogs } from "./pod-logs.ts";

export type PlayOptions = {
  readonly client: Client;
  /** Identifies the runtime among others on this machine. */
  readonly endpoint: string;
  readonly dataDir: string;
  readonly logRoot: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
};

/** Runs objects until their pods have ended or we are interrupted; returns the exit status. */
export async function playManifests(
  manifests: readonly Manifest[],
  { endpoint, ...options }: PlayOptions,
  { io, signal }: Invocation,
): Promise<number> {
  const { yellow } = styleFor(io.stderr, io.env);
  let logs: PodLogs | undefined;
  await removeLeftPods({ endpoint, ...options }, (text) =>
    io.stderr.write(`${yellow("warning:")} ${text}\n`),
  );
  const kept = await KeptPods.create(options.dataDir, endpoint);
  await using manager = await Manager.open({
    ...options,
    clock: systemClock,
    persistence: kept.persistence,
    keepClaims: true,
    serviceNetwork: {
      open: async () => {
        const { removeLeftServiceNetworks, ServiceNetwork, serviceNetworkName } = await import(
          "../../servicenet/index.ts"
        );
        await removeLeftServiceNetworks();
        return await ServiceNetwork.open({
          name: serviceNetworkName(),
          onProblem: (message) => io.stderr.write(`${yellow("warning:")} ${message}\n`),
        });
      },
    },
    credentials: async (reference) => {
      const credentials = await keptCredentials(reference, io);
      return credentials && AuthConfig.fromPartial(authConfig(credentials));
    },
    onStatus: (object) => {
      if (isOfKind(object, "Pod")) logs?.update(object);
    },
    onEvent: (key, { type, reason, message }) => {
      if (type === "Warning")
        io.stderr.write(`${yellow("warning:")} ${titleOf(key)}: ${reason}: ${printableLines(message)}\n`);
    },
  });
  logs = new PodLogs({ io, pathOf: (...of) => manager.logPath(...of) });
  await manager.apply(manifests);
  const interrupted = await endOfPods(manager, signal);
  const failed = hasFailed(manager);
  for (const object of manager.list()) await manager.delete(keyOf(object));
  await manager.until(() => manager.list().length === 0);
  await kept.forget();
  await logs.end();
  if (interrupted) return exitCode.interrupted;
  return failed ? exitCode.failure : exitCode.ok;
}

/** Waits for the end of all pods; returns whether we were interrupted first. */
async function endOfPods(manager: Manager, signal: AbortSignal): Promise<boolean> {
  try {
    await manager.until(() => hasEnded(manager), signal);
    return false;
  } catch (error) {
    if (signal.aborted) return true;
    throw error;
  }
}

/** Whether nothing that was requested runs or will run. */
function hasEnded(manager: Manager): boolean {
  const objects = manager.list();
  return objects.every((object) => {
    const { kind } = object.manifest;
    if (isOfKind(object, "Pod") && object.owner === undefined) return isOver(object);
    if (isOfKind(object, "Job") && object.owner === undefined) return jobEnd(object) !== undefined;
    return !restless.has(kind);
  });
}

/** Kinds whose objects never end by themselves. */
const restless: ReadonlySet<string> = new Set([
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "CronJob",
]);

function isOver({ status }: StoredPod): boolean {
  return status?.pod?.phase === "Succeeded" || status?.pod?.phase === "Failed";
}

function hasFailed(manager: Manager): boolean {
  return manager.list().some((object) => {
    if (object.owner !== undefined) return false;
    if (isOfKind(object, "Pod")) return object.status?.pod?.phase === "Failed";
    return isOfKind(object, "Job") && jobEnd(object) === "Failed";
  });
}
