import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { bridgeNetwork, TestNetwork } from "./test-network.ts";

const run = promisify(execFile);

/** A bridge network that masquerades, and what is chained to it. */
export async function bridged(options: Parameters<typeof bridgeNetwork>[1] = {}): Promise<TestNetwork> {
  const rig = await TestNetwork.open();
  await rig.configure(bridgeNetwork(rig, options));
  await rig.restart();
  return rig;
}

/** What plugins left on the host: veth links, address reservations, and rules about pods. */
export async function leftovers({ root }: TestNetwork) {
  const { stdout: links } = await run("ip", ["-j", "link", "show", "type", "veth"]);
  const addresses = await readdir(`${root}/addresses/test`).catch(() => []);
  const { stdout: rules } = await run("iptables-save", ["-t", "nat"]);
  return {
    links: JSON.parse(links).length,
    addresses: addresses.filter((name) => /^[0-9a-f]*[.:]/.test(name)),
    rules: rules
      .split("\n")
      .filter((rule) => /^-A .*(CNI-|10\.87)/.test(rule) && !/HOSTPORT|-MASQ /.test(rule)),
  };
}

export const nothing = { links: 0, addresses: [], rules: [] };
