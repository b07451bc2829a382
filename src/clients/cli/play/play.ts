import { systemClock } from "../../../ground/clock/index.ts";
import { AuthConfig } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { isOfKind, keyOf, Manager, noPersistence, type StoredPod } from "../../manager/index.ts";
import type { Manifest } from "../../manifests/index.ts";
import { exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { styleFor } from "../output/style.ts";
import { printableLines } from "../output/table.ts";
import { authConfig, keptCredentials } from "../pull/credentials.ts";
import { PodLogs } from "./pod-logs.ts";

export type PlayOptions = {
  readonly client: Client;
  readonly podsDir: string;
  readonly logRoot: string;
};

/** Runs objects until their pods have ended or we are interrupted; returns the exit status. */
export async function playManifests(
  manifests: readonly Manifest[],
  { client, podsDir, logRoot }: PlayOptions,
  { io, signal }: Invocation,
): Promise<number> {
  const { yellow } = styleFor(io.stderr, io.env);
  let logs: PodLogs | undefined;
  await using manager = await Manager.open({
    client,
    clock: systemClock,
    persistence: noPersistence,
    podsDir,
    logRoot,
    credentials: async (reference) => {
      const credentials = await keptCredentials(reference, io);
      return credentials && AuthConfig.fromPartial(authConfig(credentials));
    },
    onStatus: (object) => {
      if (isOfKind(object, "Pod")) logs?.update(object);
    },
    onEvent: (title, { type, reason, message }) => {
      if (type === "Warning")
        io.stderr.write(`${yellow("warning:")} ${title}: ${reason}: ${printableLines(message)}\n`);
    },
  });
  logs = new PodLogs({ io, pathOf: (...of) => manager.logPath(...of) });
  await manager.apply(manifests);
  const interrupted = await endOfPods(manager, signal);
  const failed = pods(manager).some(({ status }) => status?.pod?.phase !== "Succeeded");
  for (const object of manager.list()) await manager.delete(keyOf(object));
  await manager.until(() => manager.list().length === 0);
  await logs.end();
  if (interrupted) return exitCode.interrupted;
  return failed ? exitCode.failure : exitCode.ok;
}

/** Waits for it; returns whether we were interrupted first. */
async function endOfPods(manager: Manager, signal: AbortSignal): Promise<boolean> {
  const haveEnded = () =>
    pods(manager).every(
      ({ status }) => status?.pod?.phase === "Succeeded" || status?.pod?.phase === "Failed",
    );
  try {
    await manager.until(haveEnded, signal);
    return false;
  } catch (error) {
    if (signal.aborted) return true;
    throw error;
  }
}

function pods(manager: Manager): readonly StoredPod[] {
  return manager.list().filter((object) => isOfKind(object, "Pod"));
}
