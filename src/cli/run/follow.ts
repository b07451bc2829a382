import type { ContainerStatus } from "../../protocol/index.ts";
import type { Client } from "../client/client.ts";
import { endedStatus, waitForExit } from "../client/container-status.ts";
import { copyLog } from "../client/copy-log.ts";
import { removeContainer, removePod, stopContainer, stopPod } from "../client/object-actions.ts";
import { exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { openAttach } from "../streams/open.ts";
import { runSession, type SessionPlan } from "../streams/session.ts";
import type { RunOptions } from "./options.ts";
import type { Clients, Running } from "./start.ts";

const graceSeconds = 10;

export type Following = { readonly options: RunOptions; readonly plan: SessionPlan };

/**
 * Shows the container's output until it ends, gives it our input if the plan says so, puts away the pod that was made for it, and returns
 * its exit status. When we are interrupted, the container is stopped and its last output still shown. The output is
 * taken from the log: no attachment has what was written before it.
 */
export async function followToEnd(
  { work, undo }: Clients,
  running: Running,
  following: Following,
  invocation: Invocation,
): Promise<number> {
  const input = new AbortController();
  const feeding = following.plan.stdin
    ? giveInput(work, running, following, input.signal, invocation)
    : undefined;
  // It may fail before anybody waits for it.
  feeding?.catch(() => {});
  const ended = Promise.race([
    waitOrStop({ work, undo }, running.containerId, invocation.signal),
    failureOf(feeding),
  ]);
  ended.catch(() => {});
  try {
    await copyLog(undo, running.containerId, { until: ended }, {}, invocation);
    const { exitCode: status } = await ended;
    return invocation.signal.aborted ? exitCode.interrupted : status;
  } finally {
    input.abort();
    await putAway(undo, running, following.options);
  }
}

/** Copies our input to the container until the signal. A container that ends without taking it is no failure. */
async function giveInput(
  client: Client,
  { containerId }: Running,
  { options, plan }: Following,
  signal: AbortSignal,
  { io }: Invocation,
): Promise<void> {
  try {
    const streams = { stdin: true, tty: plan.tty, stdout: false };
    await using attached = await openAttach({ containerId, ...streams }, { client, options, signal });
    await runSession(attached, plan, io);
  } catch (error) {
    if (!signal.aborted && (await endedStatus(client, containerId)) === undefined) throw error;
  }
}

/** Rejects when the work fails, and does nothing else. */
async function failureOf(work: Promise<void> | undefined): Promise<never> {
  await work;
  return new Promise(() => {});
}

/** The container's status when it has ended; it is stopped when we are interrupted. */
export async function waitOrStop(
  { work, undo }: Clients,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerStatus> {
  try {
    return await waitForExit(work, containerId);
  } catch (error) {
    if (!signal.aborted) throw error;
    await stopContainer(undo, containerId, graceSeconds);
    return await waitForExit(undo, containerId);
  }
}

/** Removes what was made for the run, or only stops it. */
export async function putAway(
  client: Client,
  { podId, containerId, ownsPod }: Running,
  { rm: remove = false }: RunOptions,
): Promise<void> {
  if (ownsPod) await (remove ? removePod(client, podId) : stopPod(client, podId, graceSeconds));
  else if (remove) await removeContainer(client, containerId);
}
