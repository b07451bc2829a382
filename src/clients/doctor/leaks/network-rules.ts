import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "../programs.ts";
import { idsIn, type Trace } from "./trace.ts";

const maxRulesBytes = 64 << 20;

/**
 * Rules of the bridge and portmap plugins, and elements of `table`, which belongs to berth, have the
 * sandbox's id in a comment. Throws the errors of `iptables-save`.
 */
export async function ruleTraces(table: string, signal: AbortSignal): Promise<readonly Trace[]> {
  const iptables = ["iptables", "ip6tables"].map((program) => iptablesRules(program, signal));
  const nftables = nftablesTables.map((name) => nftablesRules(name, signal));
  return (await Promise.all([...iptables, ...nftables, builtinElements(table, signal)])).flat();
}

async function iptablesRules(program: string, signal: AbortSignal): Promise<readonly Trace[]> {
  const path = await findProgram(`${program}-save`);
  if (path === undefined) return [];
  const { stdout } = await promisify(execFile)(path, ["-t", "nat"], { signal, maxBuffer: maxRulesBytes });
  return stdout.split("\n").map((rule) => ({
    kind: `${program} rules`,
    ids: idsIn(rule),
    where: rule,
    removal: `${program} -t nat ${rule.replace(/^-A/, "-D")}`,
  }));
}

/**
 * The tables of the plugins' `nftables` backend: bridge and ptp have the first (since 1.5), portmap the
 * others (since 1.6).
 */
const nftablesTables = ["inet cni_plugins_masquerade", "ip cni_hostport", "ip6 cni_hostport"];

/** Elements of the maps of berth's own table, whose comments begin with the id. */
async function builtinElements(name: string, signal: AbortSignal): Promise<readonly Trace[]> {
  const nft = await findProgram("nft");
  if (nft === undefined) return [];
  const table = ["-j", "list", "table", "inet", name];
  const listed = promisify(execFile)(nft, table, { signal, maxBuffer: maxRulesBytes });
  const { stdout } = await listed.catch(() => ({ stdout: '{"nftables":[]}' }));
  return parseElements(name, stdout);
}

/**
 * Parses the maps in the output of `nft -j list table`, libnftables-json(5): pairs of key (with comment) and
 * value.
 */
function parseElements(table: string, text: string): readonly Trace[] {
  const { nftables }: { readonly nftables: readonly NftObject[] } = JSON.parse(text);
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).map(([key]): Trace => {
      const { val, comment = "" } = key.elem ?? {};
      const words = typeof val === "object" ? val.concat.join(" . ") : String(val);
      const where = `inet ${table} ${map?.name}: ${words}`;
      const removal = `nft delete element inet ${table} ${map?.name} '{ ${words} }'`;
      return { kind: "nftables rules", ids: idsIn(comment), where, removal };
    }),
  );
}

type NftObject = {
  readonly map?: {
    readonly name: string;
    readonly elem?: readonly (readonly [
      {
        readonly elem?: {
          readonly val: string | { readonly concat: readonly (string | number)[] };
          readonly comment?: string;
        };
      },
      unknown,
    ])[];
  };
};

async function nftablesRules(table: string, signal: AbortSignal): Promise<readonly Trace[]> {
  const nft = await findProgram("nft");
  if (nft === undefined) return [];
  const listed = promisify(execFile)(nft, ["-a", "list", "table", ...table.split(" ")], {
    signal,
    maxBuffer: maxRulesBytes,
  });
  // It fails if there is no such table.
  const { stdout } = await listed.catch(() => ({ stdout: "" }));
  return parseNftables(table, stdout);
}

/**
 * Parses the rules of a table in the output of `nft -a`, each of which ends with the handle for deleting it.
 */
export function parseNftables(table: string, text: string): readonly Trace[] {
  let chain = "";
  return text.split("\n").flatMap((line): readonly Trace[] => {
    const rule = line.trim();
    chain = /^chain (\S+) \{/.exec(rule)?.[1] ?? chain;
    const comment = / comment "([^"]*)" # handle (\d+)$/.exec(rule);
    if (comment === null) return [];
    const [, text = "", handle] = comment;
    const where = `${table} ${chain}: ${rule}`;
    const removal = `nft delete rule ${table} ${chain} handle ${handle}`;
    return [{ kind: "nftables rules", ids: idsOfComment(text), where, removal }];
  });
}

/** The comment of masquerading ends with the id, which is truncated if the network has a long name. */
function idsOfComment(comment: string): readonly string[] {
  const whole = idsIn(comment);
  const cut = /, id: ([0-9a-f]{32,63})$/.exec(comment)?.[1];
  return cut === undefined ? whole : [...whole, cut];
}
