import { type Client, endedStatus } from "../../criclient/index.ts";
import type { RemoteCommand } from "../../streamclient/index.ts";
import { copyLog } from "../client/copy-log.ts";
import { isAway } from "../client/reachable.ts";
import { CliError, exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";
import { openAttach } from "../streams/open.ts";
import {
  runSession,
  type SessionOutcome,
  type SessionPlan,
  type SessionStreams,
} from "../streams/session.ts";
import { withEarlierOutput } from "./earlier-output.ts";
import { removeFinished, waitOrStop } from "./follow.ts";
import { type Clients, type Running, type RunRequest, startContainer } from "./start.ts";

/**
 * Runs a container in our terminal and returns its exit status. Its pod is cleaned up when it has ended; when
 * the user detaches, or the connection breaks, it keeps running.
 */
export async function runInTerminal(
  clients: Clients,
  request: RunRequest,
  plan: SessionPlan,
  invocation: Invocation,
): Promise<number> {
  const { io, signal } = invocation;
  await using attachments = new AsyncDisposableStack();
  const attach = async (containerId: string) => {
    const opening = { client: clients.work, options: request.options, signal };
    return attachments.use(await openAttach({ containerId, ...plan }, opening));
  };
  let early: RemoteCommand | undefined;
  const running = await startContainer(clients, {
    ...request,
    // Runtimes that only attach to running containers reject this.
    beforeStart: async (containerId) => {
      early = await attach(containerId).catch(() => undefined);
    },
  });
  await using hold = running.hold;
  const outcome = await session(clients, running, early ?? attach, plan, invocation);
  if (outcome === "detached") {
    const id = running.containerId.slice(0, 12);
    await write(io.stderr, `berth: detached; run \`berth attach -it ${id}\` to reattach\n`);
    return exitCode.ok;
  }
  try {
    const { exitCode: status } = await waitOrStop(clients, hold, running.containerId, invocation);
    return signal.aborted ? exitCode.interrupted : status;
  } finally {
    await removeFinished(clients.undo, running, request.options, invocation);
  }
}

type Attach = (containerId: string) => Promise<RemoteCommand>;

/** Throws CliError Unavailable if the connection broke and the container is still running. */
async function session(
  { work, undo }: Clients,
  { containerId }: Running,
  attachment: RemoteCommand | Attach,
  plan: SessionPlan,
  invocation: Invocation,
): Promise<SessionOutcome["kind"]> {
  let attached = false;
  try {
    const streams =
      typeof attachment === "function"
        ? withAllOutput(await attachment(containerId), work, containerId)
        : attachment;
    attached = true;
    return (await runSession(streams, plan, invocation.io)).kind;
  } catch (error) {
    if (invocation.signal.aborted) return "ended";
    const status = await endedStatus(undo, containerId).catch(undefinedIfAway);
    if (status === undefined) throw goesOn(containerId, error);
    // It ended before we could attach.
    if (!attached) await copyLog(undo, containerId, {}, {}, invocation);
    return "ended";
  }
}

function undefinedIfAway(error: unknown): undefined {
  if (!isAway(error)) throw error;
}

/** Adds the earlier output to an attachment that came after the start. */
function withAllOutput(attached: RemoteCommand, client: Client, containerId: string): SessionStreams {
  const { stdin, stdout, stderr, exitCode: ended } = attached;
  return {
    stdin,
    stdout: stdout && withEarlierOutput(stdout, client, containerId),
    stderr,
    resize: (size) => attached.resize(size),
    exitCode: ended,
  };
}

function goesOn(containerId: string, cause: unknown): CliError {
  const id = containerId.slice(0, 12);
  return new CliError(
    "Unavailable",
    `lost the terminal of container ${id}, which keeps running: run \`berth attach -it ${id}\` to reattach`,
    { cause },
  );
}
