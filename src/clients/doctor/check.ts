import type { Config } from "../../ground/config/index.ts";

/**
 * `hint`: everything works, but could be better. `warn`: berth works, but something will not. `fail`: pods
 * will not run.
 */
export type Severity = "ok" | "hint" | "warn" | "fail";

/** One result of a check. */
export type Finding = {
  readonly severity: Severity;
  /** What was examined, such as "overlayfs". */
  readonly title: string;
  /** The result, in at most a sentence. */
  readonly detail: string;
  /** What to do; given with every finding that is not ok. */
  readonly remedy?: string;
};

/** What to examine. */
export type DoctorRequest = {
  /** berthd's configuration. */
  readonly config: Config;
  /** Hosts of registries that should be reachable, such as `registry.example:5000`. */
  readonly registries: readonly string[];
};

/** A check of one part of the machine. */
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
