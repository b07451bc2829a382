import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLabel, type SeLinuxLabel } from "./label.ts";

/** What containers and their files are labelled with by the node's policy. */
export type PolicyContexts = { readonly process: SeLinuxLabel; readonly file: SeLinuxLabel };

/**
 * Reads the contexts for containers of the policy that the node has chosen: its file `lxc_contexts`, as every
 * runtime does. Undefined when there is no policy, or it knows no containers. `directory` is /etc/selinux.
 */
export async function readPolicyContexts(directory: string): Promise<PolicyContexts | undefined> {
  const policy = value(await textOf(join(directory, "config")), "SELINUXTYPE");
  if (policy === undefined || policy.includes("/")) return undefined;
  const text = await textOf(join(directory, policy, "contexts", "lxc_contexts"));
  const process = parseLabel(value(text, "process") ?? "");
  const file = parseLabel(value(text, "file") ?? "");
  return process === undefined || file === undefined ? undefined : { process, file };
}

/** Lines are `name = "value"`, in quotes or not; # begins a comment. */
function value(text: string, name: string): string | undefined {
  for (const line of text.split("\n")) {
    const [, key, quoted, bare] = /^\s*(\w+)\s*=\s*(?:"([^"]*)"|(\S+))\s*$/.exec(line) ?? [];
    if (key === name) return quoted ?? bare;
  }
  return undefined;
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
}
