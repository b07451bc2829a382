import type { ContainerDetails, ContainerSummary } from "../../parts/dockerapi/index.ts";
import type { Container, ContainerState, Sandbox } from "../engine/index.ts";
import type { ContainerLabels, SandboxLabels } from "./names-and-labels.ts";

/** A Docker container that is a sandbox of berth. */
export type FoundSandbox = {
  readonly id: string;
  readonly labels: SandboxLabels;
  readonly details: ContainerDetails;
  readonly view: Sandbox;
};

/** A Docker container that is a container of a pod. */
export type FoundContainer = {
  readonly id: string;
  readonly labels: ContainerLabels;
  readonly details: ContainerDetails;
  readonly view: Container;
};

export type Found = FoundSandbox | FoundContainer;

export function isSandbox(found: Found): found is FoundSandbox {
  return found.labels.kind === "sandbox";
}

export function isContainer(found: Found): found is FoundContainer {
  return found.labels.kind === "container";
}

/** Whether the object exists. */
export function isShown(found: Found | undefined): boolean {
  return found !== undefined;
}

/** Whether it runs or has run: no container of a pod is started twice. */
export function hasStarted(found: Found | undefined): boolean {
  return found !== undefined && (found.details.State.Running || hasEnded(found));
}

export function hasEnded(found: Pick<Found, "details"> | undefined): boolean {
  return found !== undefined && ["exited", "dead"].includes(found.details.State.Status);
}

/**
 * Whether it was started a second time, which only a person does. The containers of a sandbox stay in the
 * namespaces of its first start, and the new namespaces lack the pod's network and sysctls. Docker's time of
 * the last end shows it.
 */
export function wasStartedAgain({ State }: ContainerDetails): boolean {
  return State.Running && timeNs(State.FinishedAt) > 0n;
}

/**
 * Whether an entry of a list is running. As in a container's details, paused and restarting containers are.
 */
export function isRunning({ State }: ContainerSummary): boolean {
  return ["running", "paused", "restarting"].includes(State);
}

/**
 * `timeNano` is the time of a Docker event: nanoseconds since 1970, rounded because it exceeds what a double
 * holds.
 */
export function hasEndedBefore(found: Found | undefined, timeNano: number): boolean {
  return found !== undefined && hasEnded(found) && Number(timeNs(found.details.State.FinishedAt)) < timeNano;
}

/**
 * The state in CRI's terms. After a failed start, Docker's container is still "created", with an error and a
 * shell's exit code (126, 127, 128).
 */
export function stateOf({ State: state, Created }: ContainerDetails): ContainerState {
  switch (state.Status) {
    case "created":
      if (state.Error === "") return { kind: "created" };
      return {
        kind: "exited",
        startedAtNs: 0n,
        finishedAtNs: timeNs(Created),
        exitCode: state.ExitCode === 0 ? 128 : state.ExitCode,
        reason: "StartError",
        message: state.Error,
      };
    case "running":
    case "paused":
    case "restarting":
      return { kind: "running", pid: state.Pid, startedAtNs: timeNs(state.StartedAt) };
    case "removing":
    case "exited":
    case "dead":
      return {
        kind: "exited",
        startedAtNs: startOfEnded(state),
        finishedAtNs: timeNs(state.FinishedAt),
        exitCode: state.ExitCode,
        reason: endOf(state),
        message: state.OOMKilled && state.Error === "" ? "memory ran out in the container" : state.Error,
      };
  }
}

/** For a process that ends at once, Docker may record a start that is later than the end. */
function startOfEnded({ StartedAt, FinishedAt }: ContainerDetails["State"]): bigint {
  const [startedAtNs, finishedAtNs] = [timeNs(StartedAt), timeNs(FinishedAt)];
  return finishedAtNs > 0n && finishedAtNs < startedAtNs ? finishedAtNs : startedAtNs;
}

/** As in the native engine, also OOMKilled if a child was killed and the first process ended well. */
function endOf({ ExitCode, OOMKilled }: ContainerDetails["State"]): "Completed" | "OOMKilled" | "Error" {
  if (OOMKilled) return "OOMKilled";
  return ExitCode === 0 ? "Completed" : "Error";
}

const timePattern = /^(.+?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/**
 * Converts an RFC 3339 time to nanoseconds since 1970; 0n for Go's zero time and for text that is not a time.
 */
export function timeNs(text: string): bigint {
  const [, seconds = "", fraction = "", zone = ""] = timePattern.exec(text) ?? [];
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(milliseconds) || milliseconds < 0) return 0n;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
