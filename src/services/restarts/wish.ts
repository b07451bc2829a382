import type { Labels } from "../../ground/labels/index.ts";

const prefix = "containerd.io/restart.";
const statusLabel = `${prefix}status`;
const policyLabel = `${prefix}policy`;
const logLabel = `${prefix}loguri`;
/** How often a container was restarted. */
export const countLabel = `${prefix}count`;
/** Whether somebody stopped it explicitly, so that it must stay stopped. */
export const explicitlyStoppedLabel = `${prefix}explicitly-stopped`;

/** As containerd names them. */
export const policyNames = ["no", "always", "on-failure", "unless-stopped"] as const;

export type Policy =
  | { readonly name: Exclude<(typeof policyNames)[number], "on-failure"> }
  /** 0 is no limit. */
  | { readonly name: "on-failure"; readonly maximumRetries: number };

export type Wish = {
  readonly status: "running" | "stopped";
  /** Undefined if it is invalid: then nothing is started. */
  readonly policy: Policy | undefined;
  readonly explicitlyStopped: boolean;
  readonly count: number;
  /** Destination of stdout and stderr, in the form of a task's `stdout`; "" for none. */
  readonly logUri: string;
};

/** Undefined for a container without a wish. */
export function wishOf(labels: Labels): Wish | undefined {
  const { [statusLabel]: status, [policyLabel]: policy = "", [logLabel]: logUri = "" } = labels;
  if (status !== "running" && status !== "stopped") return undefined;
  return {
    status,
    policy: policyOf(policy),
    explicitlyStopped: isTrue(labels[explicitlyStoppedLabel]),
    count: whole(labels[countLabel] ?? "") ?? 0,
    logUri,
  };
}

/** Whether to restart a task that ended with this code; undefined if there is no task. */
export function startsAnew(
  { policy, explicitlyStopped, count }: Wish,
  exitCode: number | undefined,
): boolean {
  if (explicitlyStopped) return false;
  switch (policy?.name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure": {
      const { maximumRetries } = policy;
      return exitCode !== undefined && exitCode !== 0 && (maximumRetries === 0 || count < maximumRetries);
    }
    default:
      return false;
  }
}

/** "" is `always`, as in containerd. */
function policyOf(text: string): Policy | undefined {
  const [name = "", retries, ...rest] = text.split(":");
  if (name === "on-failure") {
    const maximumRetries = retries === undefined ? 0 : whole(retries);
    return maximumRetries === undefined || rest.length > 0 ? undefined : { name, maximumRetries };
  }
  if (retries !== undefined) return undefined;
  if (name === "") return { name: "always" };
  return name === "no" || name === "always" || name === "unless-stopped" ? { name } : undefined;
}

/** The same values as Go's ParseBool. */
function isTrue(text: string | undefined): boolean {
  return ["1", "t", "T", "true", "TRUE", "True"].includes(text ?? "");
}

function whole(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
