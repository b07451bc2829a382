import { createHash } from "node:crypto";
import { findExecutable, toolPath } from "./executables.ts";
import { NetworkError } from "./network-error.ts";
import { type ProgramOutput, runProgram } from "./program-process.ts";

/** The tools for IPv4 and IPv6; each comes with a program that applies many changes at once. */
const tools = ["iptables", "ip6tables"];

/** In the table `nat`: a line of `iptables -S`, as `iptables-restore` reads it. */
type Rule = string;

/**
 * Removes what the bridge and ptp plugins left of a pod's iptables masquerading: a chain for the pod, and the
 * jumps to it. They find it by the addresses of the pod's interface, which their DEL deletes first; so a DEL
 * after an interrupted one, or without a namespace, leaves it and succeeds (in versions 1.1.1 to 1.10.0). The
 * changes of each family are applied at once. Resolves with the names of the removed chains. Throws
 * NetworkError Internal if a chain cannot be removed, and DeadlineExceeded.
 */
export async function removeMasquerade(
  networkName: string,
  sandboxId: string,
  timeoutMs: number,
): Promise<readonly string[]> {
  const chain = chainName(networkName, sandboxId);
  const removed: string[] = [];
  for (const tool of tools) {
    if (!(await hasChain(tool, chain, timeoutMs))) continue;
    const jumps = await jumpsTo(tool, chain, timeoutMs);
    const changes = [...jumps.map((rule) => rule.replace(/^-A/, "-D")), `-F ${chain}`, `-X ${chain}`];
    const input = ["*nat", ...changes, "COMMIT", ""].join("\n");
    await must(`${tool}-restore`, ["--wait", "--noflush"], { input, timeoutMs });
    removed.push(`${tool} ${chain}`);
  }
  return removed;
}

/**
 * The same name as from the plugins' FormatChainName,
 * https://github.com/containernetworking/plugins/blob/main/pkg/utils/utils.go.
 */
function chainName(networkName: string, sandboxId: string): string {
  const hash = createHash("sha512").update(`${networkName}${sandboxId}`).digest("hex");
  return `CNI-${hash.slice(0, 24)}`;
}

/** Also false without the tool or table: then no plugin has created a chain with it. */
async function hasChain(tool: string, chain: string, timeoutMs: number): Promise<boolean> {
  const output = await run(tool, ["--wait", "-t", "nat", "-S", chain], { timeoutMs });
  return output?.succeeded === true;
}

async function jumpsTo(tool: string, chain: string, timeoutMs: number): Promise<readonly Rule[]> {
  const { stdout } = await must(tool, ["--wait", "-t", "nat", "-S", "POSTROUTING"], { timeoutMs });
  return stdout.split("\n").filter((rule) => rule.startsWith("-A ") && rule.endsWith(` -j ${chain}`));
}

type Options = { readonly input?: string; readonly timeoutMs: number };

async function must(tool: string, args: readonly string[], options: Options): Promise<ProgramOutput> {
  const output = await run(tool, args, options);
  if (output?.succeeded === true) return output;
  const why = output === undefined ? "it is not installed" : JSON.stringify(output.stderr.trim());
  throw new NetworkError(
    "Internal",
    `${tool} cannot remove masquerading rules that a plugin left behind: ${why}`,
  );
}

/** Undefined if the tool is not installed. */
async function run(
  tool: string,
  args: readonly string[],
  { input = "", timeoutMs }: Options,
): Promise<ProgramOutput | undefined> {
  const path = await findExecutable(tool, toolPath().split(":"));
  if (path === undefined) return undefined;
  return await runProgram({ path, args, environment: { PATH: toolPath() }, input, timeoutMs });
}
