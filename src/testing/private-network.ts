import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { mount } from "../ground/linux/index.ts";

const marker = "BERTH_TEST_PRIVATE_NETWORK";

/** Where network tools keep what belongs to one network namespace. */
const stateDirectories = ["/run/netns", "/var/lib/cni"];

/**
 * To be awaited at the top of a test file, before its tests: runs the file in network and mount namespaces of
 * its own, by starting it over. Bridges, addresses, iptables rules, `ip netns` names, address reservations
 * and mounts that the tests and their processes make are then seen by nobody else, and go with the last of
 * those processes. The loopback interface is up; /sys/class/net still shows the host's. Cgroups, processes
 * and files are the host's.
 */
export async function enterPrivateNetwork(): Promise<void> {
  if (process.env[marker] === undefined) startOver();
  delete process.env[marker];
  await promisify(execFile)("ip", ["link", "set", "lo", "up"]);
  for (const directory of stateDirectories) {
    await mkdir(directory, { recursive: true });
    await mount({ source: "tmpfs", target: directory, type: "tmpfs", data: "mode=0755" });
  }
}

function startOver(): never {
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const environment = { ...process.env, [marker]: "1" };
  if (process.execve === undefined) throw new Error("tests that use a private network need Linux");
  return process.execve("/usr/bin/unshare", ["unshare", "--mount", "--net", "--", ...node], environment);
}
