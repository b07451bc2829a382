import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { findProgram } from "../programs.ts";
import { idsIn, type Trace } from "./trace.ts";

/**
 * The existing host ends of pods' veth pairs. They have no id of their own: the stored result of a CNI plugin
 * says to whom one belongs, by name and address, since names are reused.
 */
export async function interfaceTraces(
  attachments: readonly string[],
  signal: AbortSignal,
): Promise<readonly Trace[]> {
  if (attachments.length === 0) return [];
  const cables = await cablesHere(signal);
  const results = await Promise.all(attachments.map(hostInterfaces));
  return results
    .flat()
    .flatMap(({ name, mac, ids }): readonly Trace[] =>
      cables.get(name) === mac
        ? [{ kind: "network interfaces", ids, where: name, removal: `ip link delete ${name}` }]
        : [],
    );
}

/** The addresses of the veths in this network namespace, by name; none without `ip`. */
async function cablesHere(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const ip = await findProgram("ip");
  if (ip === undefined) return new Map();
  const { stdout } = await promisify(execFile)(ip, ["-j", "link", "show", "type", "veth"], { signal });
  const links: unknown = JSON.parse(stdout);
  const texts = (Array.isArray(links) ? links : []).map(
    (link) => [field(link, "ifname"), field(link, "address")] as const,
  );
  return new Map(texts.map(([name, address]) => [String(name), String(address)]));
}

type HostInterface = { readonly name: string; readonly mac: string; readonly ids: readonly string[] };

/** Those outside of the sandbox; none of a file that cannot be read, which is cared for elsewhere. */
async function hostInterfaces(path: string): Promise<readonly HostInterface[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  try {
    const listed = list(field(JSON.parse(text), "networks"))
      .flatMap((network) => list(field(field(network, "result"), "interfaces")))
      .filter((each) => (field(each, "sandbox") ?? "") === "");
    return listed.map((each) => ({
      name: String(field(each, "name")),
      mac: String(field(each, "mac")),
      ids: idsIn(path),
    }));
  } catch {
    return [];
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Of JSON that others wrote; undefined where there is none of that name. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
