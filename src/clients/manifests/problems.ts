import { BerthError } from "../../ground/errors/index.ts";

/** Something in a manifest that is wrong (an error), or that has no effect (a warning). */
export type Problem = {
  readonly severity: "error" | "warning";
  /** Name of the file, or `-` for standard input. */
  readonly file: string;
  /** Of the documents in the file, from 1. */
  readonly document: number;
  /** In the file, from 1. */
  readonly line: number;
  /** As in `spec.containers[0].image`; empty for the whole document. */
  readonly field: string;
  readonly message: string;
};

/** `web.yaml:12: document 2: spec.containers[0].image: message`. */
export function describeProblem({ file, document, line, field, message }: Problem): string {
  return `${file}:${line}: document ${document}: ${field === "" ? "" : `${field}: `}${message}`;
}

/** All that is wrong with manifests, at once. Code InvalidArgument. */
export class ManifestError extends BerthError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("InvalidArgument", problems.map(describeProblem).join("\n"));
    this.problems = problems;
  }
}
