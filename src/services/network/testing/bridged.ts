import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { until } from "../../../testing/until.ts";
import { bridgeNetwork, TestNetwork } from "./test-network.ts";

const run = promisify(execFile);

/** With built-in plugins and with programs: each behaviour is tested with both. */
export const ways = [
  { way: "by programs", builtinPlugins: false },
  { way: "built in", builtinPlugins: true },
] as const;

type Options = Parameters<typeof bridgeNetwork>[1] & { readonly builtinPlugins?: boolean };

/** A bridge network with masquerading, and chained plugins. */
export async function bridged({ builtinPlugins = false, ...options }: Options = {}): Promise<TestNetwork> {
  const rig = await TestNetwork.open({ builtinPlugins });
  await rig.configure(bridgeNetwork(rig, options));
  await rig.restart();
  return rig;
}

/**
 * Asserts that plugins left nothing on the host. Built-in ones remove links after DEL has returned, so this
 * waits for that; everything else must be removed at once.
 */
export async function assertNothingLeft(rig: TestNetwork): Promise<void> {
  const { links: _, ...rest } = await leftovers(rig);
  assert.deepEqual(rest, { addresses: [], rules: [] });
  await until(async () => (await leftovers(rig)).links === 0);
}

/** What plugins left on the host: links, address reservations and rules of pods. */
export async function leftovers({ root }: TestNetwork) {
  const links = await Promise.all(["veth", "ifb"].map(linksOf));
  const addresses = await readdir(`${root}/addresses/test`).catch(() => []);
  const { stdout: rules } = await run("iptables-save", ["-t", "nat"]);
  return {
    links: links.flat().length,
    addresses: addresses.filter((name) => /^[0-9a-f]*[.:]/.test(name)),
    rules: rules
      .split("\n")
      .filter((rule) => /^-A .*(CNI-|10\.87)/.test(rule) && !/HOSTPORT|-MASQ /.test(rule))
      .concat(await elements()),
  };
}

async function linksOf(type: string): Promise<readonly unknown[]> {
  // Missing or empty objects count as none.
  const { stdout } = await run("ip", ["-j", "link", "show", "type", type]);
  const links: readonly object[] = JSON.parse(stdout.trim() === "" ? "[]" : stdout);
  return links.filter((link) => "ifname" in link);
}

export const nothing = { links: 0, addresses: [], rules: [] };

/** The elements of pods in berth's own table, with their owners. */
async function elements(): Promise<readonly string[]> {
  const { stdout } = await run("nft", ["-j", "list", "table", "inet", "berth"]).catch(() => ({
    stdout: '{"nftables":[]}',
  }));
  type Named = { readonly name: string; readonly elem?: object[] };
  const { nftables }: { nftables: readonly { readonly map?: Named; readonly set?: Named }[] } =
    JSON.parse(stdout);
  return nftables.flatMap(({ map, set }) => {
    const { name, elem = [] } = map ?? set ?? { name: "" };
    return elem.map((each) => `${name}: ${JSON.stringify(each)}`);
  });
}
