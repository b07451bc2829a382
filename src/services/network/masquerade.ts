import { createHash } from "node:crypto";
import { findExecutable, toolPath } from "./executables.ts";
import { NetworkError } from "./network-error.ts";
import { type ProgramOutput, runProgram } from "./program-process.ts";

/** IPv4's tool and IPv6's; each has a program beside it that takes many changes in one step. */
const tools = ["iptables", "ip6tables"];

/** In the table `nat`: a line of `iptables -S`, as `iptables-restore` reads it. */
type Rule = string;

/**
 * Takes away what the bridge and ptp plugins left of a pod's masquerading by iptables: a chain for the pod,
 * and the jumps to it. They find it by the addresses of the pod's interface, which their DEL deletes first;
 * so a DEL that follows one that was cut off, or that finds no namespace, leaves it and succeeds (a fact of
 * their 1.1.1 to 1.10.0). Each family's changes are made in one step. Resolves with the names of the chains
 * that were there. Throws NetworkError Internal when one is there that cannot be removed, and
 * DeadlineExceeded.
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
 * As the plugins' FormatChainName makes it,
 * https://github.com/containernetworking/plugins/blob/main/pkg/utils/utils.go.
 */
function chainName(networkName: string, sandboxId: string): string {
  const hash = createHash("sha512").update(`${networkName}${sandboxId}`).digest("hex");
  return `CNI-${hash.slice(0, 24)}`;
}

/** Also false where there is no such tool or table: then no plugin has made a chain with it. */
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

/** Undefined when there is no such tool. */
async function run(
  tool: string,
  args: readonly string[],
  { input = "", timeoutMs }: Options,
): Promise<ProgramOutput | undefined> {
  const path = await findExecutable(tool, toolPath().split(":"));
  if (path === undefined) return undefined;
  return await runProgram({ path, args, environment: { PATH: toolPath() }, input, timeoutMs });
}
