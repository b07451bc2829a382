import type { RemoteCommandVersion } from "./protocols.ts";

/** How a remote command ended, for the error stream. */
export type RemoteCommandOutcome =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "failed"; readonly message: string };

/**
 * The text for the error stream. From version 4 on it is a Status object (Kubernetes' metav1.Status), also
 * for success; in earlier versions it is a message, only for failures, and the exit code is only mentioned in
 * it.
 */
export function encodeOutcome(outcome: RemoteCommandOutcome, version: RemoteCommandVersion): string {
  const status = statusOf(outcome);
  if (version >= 4) return JSON.stringify(status);
  return status.status === "Success" ? "" : (status.message ?? "");
}

/**
 * The reverse of {@link encodeOutcome}. `text` is everything received on the error stream. If that is
 * nothing, the command succeeded before version 4; from version 4 on, the connection broke (undefined).
 */
export function decodeOutcome(text: string, version: RemoteCommandVersion): RemoteCommandOutcome | undefined {
  if (version < 4) return text === "" ? { kind: "exited", exitCode: 0 } : { kind: "failed", message: text };
  if (text === "") return undefined;
  const status = parseStatus(text);
  if (status === undefined) return { kind: "failed", message: `the server sent an invalid status: ${text}` };
  if (status.status === "Success") return { kind: "exited", exitCode: 0 };
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  const exitCode = Number(cause?.message);
  if (status.reason === "NonZeroExitCode" && Number.isInteger(exitCode)) return { kind: "exited", exitCode };
  return { kind: "failed", message: status.message ?? "the server gave no reason" };
}

type Status = {
  readonly metadata?: Record<string, never>;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
  readonly code?: number;
};

function statusOf(outcome: RemoteCommandOutcome): Status {
  if (outcome.kind === "failed") {
    const message = `Internal error occurred: ${outcome.message}`;
    return { metadata: {}, status: "Failure", message, reason: "InternalError", code: 500 };
  }
  if (outcome.exitCode === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${outcome.exitCode}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(outcome.exitCode) }] },
  };
}

function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}
