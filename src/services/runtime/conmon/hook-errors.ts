import { readLogTail } from "../log-tail.ts";
import type { OciSpec } from "../spec/types.ts";
import type { TaskFiles } from "./task-files.ts";

/**
 * crun's annotation with the file for the hooks' standard error. Without it, crun discards what they write,
 * and reports only how they ended.
 */
const annotation = "run.oci.hooks.stderr";
const maxBytes = 4096;

/**
 * Makes crun store what hooks write, for their errors; runc reports it itself. Not if a hook is a program of
 * the image (`startContainer`), which could fill the host's memory.
 */
export function keepingHookErrors(
  spec: OciSpec,
  { type }: { readonly type: "crun" | "runc" | "other" },
  { hookErrors }: Pick<TaskFiles, "hookErrors">,
): OciSpec {
  const { hooks = {}, annotations = {} } = spec;
  if (type !== "crun" || Object.keys(hooks).length === 0 || annotation in annotations) return spec;
  if ((hooks.startContainer ?? []).length > 0) return spec;
  return { ...spec, annotations: { ...annotations, [annotation]: hookErrors } };
}

/** The OCI runtime's message about a failure, with the output of the hook if that is what failed. */
export async function withHookErrors(
  said: string,
  { hookErrors }: Pick<TaskFiles, "hookErrors">,
): Promise<string> {
  if (!/\bhook\b/.test(said)) return said;
  const written = (await readLogTail(hookErrors, maxBytes)).trim();
  return written === "" ? said : `${said}: ${written}`;
}
