import type { RemoteCommandVersion } from "./protocols.ts";

/** How a remote command ended, for the error stream. */
export type RemoteCommandOutcome =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "failed"; readonly message: string };

/**
 * The bytes for the error stream. From version 4 on a Status object (Kubernetes' metav1.Status) also for
 * success; before, plain text for a failure only, so that the exit code is lost but for the text.
 */
export function encodeOutcome(outcome: RemoteCommandOutcome, version: RemoteCommandVersion): string {
  const status = statusOf(outcome);
  if (version >= 4) return JSON.stringify(status);
  return status.status === "Success" ? "" : (status.message ?? "");
}

/**
 * The other way round. `text` is all that came on the error stream; none means success before version 4 and a
 * cut connection from it on (undefined).
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
