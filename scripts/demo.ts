/**
 * Shows what berth does, using only this machine: a loopback registry with images that are created on the
 * spot, two pods that talk to each other, a restart of the daemon under them, and that nothing is left
 * afterwards.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cliOwner, ownerLabel } from "../src/ground/protocol/index.ts";
import { pushImage, startRegistry } from "../src/testing/registry.ts";
import { TestBerth } from "../test/support/berth.ts";
import { busyboxImage } from "../test/support/busybox.ts";
import { eventually } from "../test/support/condition.ts";
import { leftovers, readHostState } from "../test/support/host-state.ts";

const cli = new URL("../dist/berth.cjs", import.meta.url).pathname;
/** Pods of `berth run` are shown only to clients that ask for them. */
const ofThisCli = { [ownerLabel]: cliOwner };
const before = await readHostState();

{
  await using registry = await step("Start a private registry on loopback", () => startRegistry());
  const image = `${registry.host}/demo/busybox:latest`;
  await step("Make an image of busybox and put it there", async () => {
    await pushImage(registry, "demo/busybox", "latest", await busyboxImage());
    return image;
  });
  await using berth = await step("Start berthd under a temporary root", () => TestBerth.start());
  const run = (...args: string[]) => runCli(berth, args);

  await step("berth pull: fetch, verify and unpack the image", () => run("pull", image));
  await step("berth run: a pod that serves a page", () => {
    const script =
      "mkdir /www; echo 'Hello from the server pod.' > /www/index.html; echo serving; exec httpd -f -v -h /www";
    return run("run", "--detach", "--name", "server", "--log-dir", berth.logDir, image, "sh", "-c", script);
  });
  await step("berth run: a second pod", () =>
    run("run", "--detach", "--name", "client", "--log-dir", berth.logDir, image, "sleep", "100000"),
  );
  await step("berth ps: both run", () => run("ps"));
  const address = await podAddress(berth);
  const url = `http://${address}/`;
  await step(`berth exec: the second pod asks the first for its page at ${url}`, () =>
    eventually("the server answers", () => run("exec", "client", "wget", "-qO-", url).catch(() => undefined)),
  );
  await step("berth logs: what the server wrote", () => run("logs", "server"));
  const pids = await processes(berth);
  await step("Kill the daemon, as a crash would, and start it again", () => berth.restartDaemon("SIGKILL"));
  await step("berth ps: the pods did not notice", async () => {
    const same = JSON.stringify(await processes(berth)) === JSON.stringify(pids);
    if (!same) throw new Error("the containers' processes have changed");
    return `${await run("ps")}\nsame processes as before: ${pids.join(", ")}`;
  });
  await step("berth exec: and still talk to each other", () => run("exec", "client", "wget", "-qO-", url));
  await step("berth rm: remove both pods", () => run("rm", "--force", "server", "client"));
  await step("berth rmi: remove the image", () => run("rmi", image));
}

await step(
  "Look for anything left on the machine: mounts, namespaces, processes, cgroups, links, rules",
  async () => {
    const left = await leftovers(before);
    return left.length === 0 ? "nothing" : left.join("\n");
  },
);

/** Prints the title, does the work, and prints the result with its time. */
async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  process.stdout.write(`\n● ${title}\n`);
  const startedAt = performance.now();
  const answer = await work();
  const time = `${Math.round(performance.now() - startedAt)} ms`;
  const text = typeof answer === "string" ? answer.trimEnd().replaceAll(/^/gm, "    ") : "";
  process.stdout.write(`${text === "" ? "" : `${text}\n`}    (${time})\n`);
  return answer;
}

async function runCli(berth: TestBerth, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, ...args], {
    env: { ...process.env, BERTH_ADDRESS: berth.socket },
  });
  return stdout + stderr;
}

async function podAddress(berth: TestBerth): Promise<string> {
  const { runtime } = berth.clients;
  const { items } = await runtime.listPodSandbox({
    filter: { id: "", state: undefined, labelSelector: ofThisCli },
  });
  const podSandboxId = items.find(({ metadata }) => metadata?.name === "server")?.id ?? "";
  const { status } = await runtime.podSandboxStatus({ podSandboxId, verbose: false });
  return status?.network?.ip ?? "";
}

/** The first process of each container, as reported by the daemon. */
async function processes(berth: TestBerth): Promise<readonly number[]> {
  const { runtime } = berth.clients;
  const { containers } = await runtime.listContainers({
    filter: { id: "", podSandboxId: "", state: undefined, labelSelector: ofThisCli },
  });
  const statuses = await Promise.all(
    containers.map(({ id }) => runtime.containerStatus({ containerId: id, verbose: true })),
  );
  return statuses
    .map(({ info }) => (JSON.parse(info.info ?? "{}") as { pid: number }).pid)
    .sort((a, b) => a - b);
}
