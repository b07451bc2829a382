import { hasCode } from "../../../ground/errors/index.ts";
import type { ContainerStatus } from "../../../ground/protocol/index.ts";
import {
  type Client,
  endedStatus,
  type Hold,
  removeContainer,
  removePod,
  stopContainer,
  stopPod,
  waitForExit,
} from "../../criclient/index.ts";
import type { RemoteCommand } from "../../streamclient/index.ts";
import { copyLog } from "../client/copy-log.ts";
import { isAway, lost, retryWhileAway } from "../client/reachable.ts";
import { CliError, exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { shortId } from "../output/units.ts";
import { write } from "../output/write.ts";
import { openAttach } from "../streams/open.ts";
import { runSession, type SessionPlan } from "../streams/session.ts";
import { graceSeconds } from "./new-pod.ts";
import type { RunOptions } from "./options.ts";
import type { Clients, Running } from "./start.ts";

/**
 * Grace period for a container whose output nobody reads any more. In a shell's pipe, it would have ended at
 * once.
 */
const hurriedSeconds = 1;

/** The reason for interrupting a run whose output nobody reads any more. */
export const brokenPipe = new Error("output closed by its reader");

export type Following = { readonly options: RunOptions; readonly plan: SessionPlan };

/**
 * Shows the container's output until it ends, passes our input to it if the plan says so, cleans up the pod
 * that was created for it, and returns its exit status. If we are interrupted, stops the container and shows
 * its last output. The output is taken from the log, because an attachment lacks what was written before it.
 */
export async function followToEnd(
  { work, undo }: Clients,
  running: Running,
  following: Following,
  invocation: Invocation,
): Promise<number> {
  await using hold = running.hold;
  const input = new AbortController();
  const feeding = following.plan.stdin
    ? copyInput(work, running, following, input.signal, invocation)
    : undefined;
  // Handled here too, because it may reject before anybody awaits it.
  feeding?.catch(() => {});
  const ended = Promise.race([
    waitOrStop({ work, undo }, hold, running.containerId, invocation),
    failureOf(feeding),
  ]);
  ended.catch(() => {});
  try {
    await copyLog(
      undo,
      running.containerId,
      { until: ended, takesOld: { onLoss: () => write(invocation.io.stderr, lossWarning) } },
      {},
      invocation,
    );
    const { exitCode: status } = await ended;
    return invocation.signal.aborted ? exitCode.interrupted : status;
  } finally {
    input.abort();
    await removeFinished(undo, running, following.options, invocation);
  }
}

const lossWarning =
  "berth: some output was lost here: it was written faster than it was read, and the log is limited in size (container.run_log_limit_mib)\n";

/**
 * Copies our input to the container until the signal aborts. It is not a failure if the container ends
 * without reading it.
 */
async function copyInput(
  client: Client,
  { containerId }: Running,
  { options, plan }: Following,
  signal: AbortSignal,
  invocation: Invocation,
): Promise<void> {
  const { io } = invocation;
  const streams = { stdin: true, tty: plan.tty, stdout: false };
  let attached: RemoteCommand | undefined;
  try {
    attached = await openAttach({ containerId, ...streams }, { client, options, signal });
    await runSession(attached, plan, io);
  } catch (error) {
    if (signal.aborted) return;
    const ended = await retryWhileAway(() => endedStatus(client, containerId), containerId, invocation);
    if (ended !== undefined) return;
    if (attached === undefined) throw error;
    await write(io.stderr, `berth: container ${shortId(containerId)} no longer receives our input\n`);
  } finally {
    await attached?.[Symbol.asyncDispose]();
  }
}

/** Rejects if the work fails, and otherwise never settles. */
async function failureOf(work: Promise<void> | undefined): Promise<never> {
  await work;
  return new Promise(() => {});
}

/**
 * Waits for the container's exit status, even across restarts of the daemon; stops the container if we are
 * interrupted.
 */
export async function waitOrStop(
  { work, undo }: Clients,
  hold: Hold,
  containerId: string,
  invocation: Invocation,
): Promise<ContainerStatus> {
  const { signal } = invocation;
  let first = true;
  const wait = async () => {
    if (!first) await hold.take();
    first = false;
    return await waitForExit(work, containerId);
  };
  try {
    return await retryWhileAway(wait, containerId, invocation);
  } catch (error) {
    if (hasCode(error, "NotFound")) throw gone(containerId, error);
    if (!signal.aborted) throw error;
  }
  try {
    await stopContainer(undo, containerId, signal.reason === brokenPipe ? hurriedSeconds : graceSeconds);
    return await waitForExit(undo, containerId);
  } catch (error) {
    throw isAway(error) ? lost(containerId, error) : error;
  }
}

function gone(containerId: string, cause: unknown): CliError {
  const id = shortId(containerId);
  const message = `container ${id} was removed while it was followed: its exit status is unknown`;
  return new CliError("NotFound", message, { cause });
}

/** Removes what was created for the run, or only stops it. */
export async function removeFinished(
  client: Client,
  { podId, containerId, ownsPod }: Running,
  { rm: remove = false }: RunOptions,
  { io }: Pick<Invocation, "io">,
): Promise<void> {
  try {
    if (ownsPod) await (remove ? removePod(client, podId) : stopPod(client, podId, graceSeconds));
    else if (remove) await removeContainer(client, containerId);
  } catch (error) {
    if (!isAway(error)) throw error;
    const what = ownsPod ? `pod ${shortId(podId)}` : `container ${shortId(containerId)}`;
    await write(
      io.stderr,
      `berth: lost the connection to the runtime before ${what} was cleaned up; berthd cleans it up at its next start\n`,
    );
  }
}
