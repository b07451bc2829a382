import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { until } from "../../../testing/until.ts";
import type { PodAttachment } from "../index.ts";
import type { TestNetwork } from "./test-network.ts";

const run = promisify(execFile);

/** The output of a program in a pod's network namespace. */
export async function inside({ netnsPath }: PodAttachment, ...command: readonly string[]): Promise<string> {
  const { stdout } = await run("nsenter", [`--net=${netnsPath}`, ...command]);
  return stdout;
}

/** A server in a pod that tells each client its address. */
export function echo(pod: PodAttachment, listen: string, answer = "SYSTEM:echo from $SOCAT_PEERADDR") {
  const server = spawn("nsenter", [`--net=${pod.netnsPath}`, "socat", `${listen},fork,reuseaddr`, answer]);
  const ended = once(server, "close");
  return {
    [Symbol.asyncDispose]: async () => {
      server.kill();
      await ended;
    },
  };
}

/** The reply of a server at that socat address; retries until there is one. */
export async function ask(address: string, from?: PodAttachment): Promise<string> {
  const entering = from === undefined ? [] : ["nsenter", `--net=${from.netnsPath}`];
  const [program = "", ...args] = [
    ...entering,
    "socat",
    "-t2",
    "-T2",
    "-",
    address.startsWith("UDP") ? address : `${address},connect-timeout=1`,
  ];
  return await until(async () => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    // It may have exited already, if nobody listens yet.
    child.stdin.on("error", () => undefined).end("x");
    const said = await child.stdout.setEncoding("utf8").toArray();
    return said.length > 0 && said.join("").trim();
  });
}

/** Asserts that nobody replies there. */
export async function fails(address: string): Promise<void> {
  await assert.rejects(run("socat", ["-T1", "-u", `${address},connect-timeout=1`, "STDOUT"]));
}

/** Another machine, with a route to this one but none to its pods. */
export async function neighbour(rig: TestNetwork): Promise<PodAttachment & AsyncDisposable> {
  const machine = await rig.pod();
  await run("ip", [
    "link",
    "add",
    "berth-out",
    "type",
    "veth",
    "peer",
    "name",
    "out0",
    "netns",
    machine.netnsPath,
  ]);
  await run("ip", ["addr", "add", "192.0.2.1/24", "dev", "berth-out"]);
  await run("ip", ["addr", "add", "2001:db8::1/64", "dev", "berth-out", "nodad"]);
  await run("ip", ["link", "set", "berth-out", "up"]);
  await inside(machine, "ip", "addr", "add", "192.0.2.2/24", "dev", "out0");
  await inside(machine, "ip", "addr", "add", "2001:db8::2/64", "dev", "out0", "nodad");
  await inside(machine, "ip", "link", "set", "out0", "up");
  const remove = async () => void (await run("ip", ["link", "delete", "berth-out"]).catch(() => undefined));
  return { ...machine, [Symbol.asyncDispose]: remove };
}
