import { itemsAt, memberAt } from "./manager-calls.ts";

/**
 * How far a pod is, in kubectl's words (pkg/printers, printPod), but for a pod that was ended from outside:
 * that says why, such as `Evicted`, whatever its containers came to.
 */
export function podState(pod: unknown): string {
  const reason = memberAt(pod, "status", "reason");
  if (typeof reason === "string") return reason;
  const initializing = initState(pod);
  if (initializing !== undefined && !holds(pod, "Initialized")) return initializing;
  const states = itemsAt(pod, "status", "containerStatuses").map(containerState);
  const named = states.find(({ reason }) => reason !== undefined)?.reason;
  const phase = String(memberAt(pod, "status", "phase") ?? "Pending");
  if (named === undefined) return phase;
  if (named !== "Completed") return named;
  const isRunning = states.some(({ runs }) => runs);
  if (isRunning && holds(pod, "Ready")) return "Running";
  const failed = states.find(({ reason, failed }) => failed && reason !== undefined)?.reason;
  return failed ?? (isRunning ? "NotReady" : named);
}

/** How many containers are ready, of how many: sidecars count, other init containers do not. */
export function readyContainers(pod: unknown): string {
  const sidecars = sidecarsOf(pod);
  const statuses = [
    ...itemsAt(pod, "status", "initContainerStatuses").filter((one) => sidecars.has(memberAt(one, "name"))),
    ...itemsAt(pod, "status", "containerStatuses"),
  ];
  const ready = statuses.filter((one) => memberAt(one, "ready") === true).length;
  return `${ready}/${itemsAt(pod, "spec", "containers").length + sidecars.size}`;
}

/** When a container of a pod last ended before a restart, in nanoseconds since 1970; 0 if none has. */
export function lastRestartNs(pod: unknown): bigint {
  const times = ["initContainerStatuses", "containerStatuses"]
    .flatMap((key) => itemsAt(pod, "status", key))
    .map((one) => memberAt(one, "lastState", "terminated", "finishedAt"))
    .map((time) => (typeof time === "string" ? Date.parse(time) : 0));
  return BigInt(Math.max(0, ...times)) * 1_000_000n;
}

function sidecarsOf(pod: unknown): ReadonlySet<unknown> {
  const sidecars = itemsAt(pod, "spec", "initContainers").filter(
    (one) => memberAt(one, "restartPolicy") === "Always",
  );
  return new Set(sidecars.map((one) => memberAt(one, "name")));
}

/** What the first init container does that is not done; undefined if all are. */
function initState(pod: unknown): string | undefined {
  const sidecars = sidecarsOf(pod);
  const statuses = itemsAt(pod, "status", "initContainerStatuses");
  for (const [index, one] of statuses.entries()) {
    const exitCode = memberAt(one, "state", "terminated", "exitCode");
    if (exitCode === 0) continue;
    if (sidecars.has(memberAt(one, "name")) && memberAt(one, "started") === true) continue;
    if (exitCode !== undefined) return `Init:${endOf(one)}`;
    const waiting = memberAt(one, "state", "waiting", "reason");
    const waits = typeof waiting === "string" && waiting !== "" && waiting !== "PodInitializing";
    return waits ? `Init:${waiting}` : `Init:${index}/${statuses.length}`;
  }
  return undefined;
}

type State = { readonly reason?: string; readonly failed?: boolean; readonly runs?: boolean };

function containerState(status: unknown): State {
  const waiting = memberAt(status, "state", "waiting", "reason");
  if (typeof waiting === "string" && waiting !== "") return { reason: waiting };
  const exitCode = memberAt(status, "state", "terminated", "exitCode");
  if (exitCode !== undefined) return { reason: endOf(status), failed: exitCode !== 0 };
  const runs = memberAt(status, "ready") === true && memberAt(status, "state", "running") !== undefined;
  return { runs };
}

function endOf(status: unknown): string {
  const reason = memberAt(status, "state", "terminated", "reason");
  if (typeof reason === "string" && reason !== "") return reason;
  return `ExitCode:${memberAt(status, "state", "terminated", "exitCode")}`;
}

function holds(pod: unknown, type: string): boolean {
  return itemsAt(pod, "status", "conditions").some(
    (one) => memberAt(one, "type") === type && memberAt(one, "status") === "True",
  );
}
