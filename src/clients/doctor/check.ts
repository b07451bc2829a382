import type { Config } from "../../ground/config/index.ts";

/**
 * `hint`: all works, and could be faster. `warn`: berth works, but something will not. `fail`: pods will not
 * run.
 */
export type Severity = "ok" | "hint" | "warn" | "fail";

/** One thing that a check has found out. */
export type Finding = {
  readonly severity: Severity;
  /** What was looked at, such as "overlayfs". */
  readonly title: string;
  /** What was found, in a sentence or less. */
  readonly detail: string;
  /** What to do; given with every finding that is not ok. */
  readonly remedy?: string;
};

/** What to look at. */
export type DoctorRequest = {
  /** What berthd is, or will be, told. */
  readonly config: Config;
  /** Hosts of registries that should be reachable, such as `registry.example:5000`. */
  readonly registries: readonly string[];
};

/** A look at one part of the machine. */
export type Check = {
  readonly name: string;
  readonly run: (request: DoctorRequest, signal: AbortSignal) => Promise<readonly Finding[]>;
};

export type CheckResult = { readonly check: string; readonly findings: readonly Finding[] };

export function ok(title: string, detail: string): Finding {
  return { severity: "ok", title, detail };
}

export function hint(title: string, detail: string, remedy: string): Finding {
  return { severity: "hint", title, detail, remedy };
}

export function warn(title: string, detail: string, remedy: string): Finding {
  return { severity: "warn", title, detail, remedy };
}

export function fail(title: string, detail: string, remedy: string): Finding {
  return { severity: "fail", title, detail, remedy };
}
