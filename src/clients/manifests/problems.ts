import { BerthError } from "../../ground/errors/index.ts";

/** A problem in a manifest: an error, or a warning about something without effect. */
export type Problem = {
  readonly severity: "error" | "warning";
  /** Name of the file, or `-` for standard input. */
  readonly file: string;
  /** Number of the document in the file, from 1. */
  readonly document: number;
  /** Line in the file, from 1. */
  readonly line: number;
  /** As in `spec.containers[0].image`; "" for the whole document. */
  readonly field: string;
  readonly message: string;
};

/** `web.yaml:12: document 2: spec.containers[0].image: message`. */
export function describeProblem({ file, document, line, field, message }: Problem): string {
  return `${file}:${line}: document ${document}: ${field === "" ? "" : `${field}: `}${message}`;
}

/** All problems of manifests. Code InvalidArgument. */
export class ManifestError extends BerthError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("InvalidArgument", problems.map(describeProblem).join("\n"));
    this.problems = problems;
  }
}
