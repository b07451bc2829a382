/** What `berth run --rm` has created if it is killed before there is a container that could exit. */

import { describe, it } from "node:test";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { GatePlugin } from "./support/gate-plugin.ts";
import { hurriedTimers } from "./support/hurried-timers.ts";

/** For this long, a pod without a started container may still be under construction. */
const unstartedMs = 300_000;

describe("a pod whose client is killed before it has created a container", () => {
  it("is removed by the daemon after a while, even if that was restarted meanwhile", async () => {
    await using directory = await tempDir();
    await using registry = await startBusyboxRegistry();
    const gate = await GatePlugin.write(directory.path);
    const env: Record<string, string> = {};
    await using berth = await TestBerth.start({ ...gate.options, env });
    await berth.pull(registry.image);
    const argv = ["run", "--rm", "--log-dir", berth.logDir, "--name", "left", registry.image, "true"];
    const { child, outcome } = startCli(berth, argv);
    await gate.begun();
    child.kill("SIGKILL");
    await outcome;
    await gate.open();
    const pods = () => cliOutput(berth, "pods", "-q");
    await eventually("the pod is there", async () => (await pods()) !== "");
    Object.assign(env, hurriedTimers(unstartedMs));
    await berth.restartDaemon();
    await eventually("the pod is gone", async () => (await pods()) === "");
  });
});
