/** What `berth run --rm` has begun when it is killed before there is a container to end. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exists } from "../src/ground/fs/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { hurriedTimers } from "./support/hurried-timers.ts";

/** For so long a pod of which no container was started may be one that is still being made. */
const unstartedMs = 300_000;

/** A plugin whose ADD waits for `go` in its directory. */
function gatePlugin(directory: string): string {
  const result = JSON.stringify({ cniVersion: "1.0.0", ips: [{ address: "10.255.0.2/24" }] });
  return `#!/bin/sh
cat > /dev/null
[ "$CNI_COMMAND" = ADD ] || exit 0
touch ${directory}/begun
while [ ! -e ${directory}/go ]; do sleep 0.05; done
echo '${result}'
`;
}

describe("a pod whose client is killed before it has made a container", () => {
  it("is removed by the daemon after a while, also by one that was started again meanwhile", async () => {
    await using directory = await tempDir();
    await using registry = await startBusyboxRegistry();
    await writeFile(join(directory.path, "gate"), gatePlugin(directory.path), { mode: 0o755 });
    const network = { cniVersion: "1.0.0", name: "gated", plugins: [{ type: "gate" }] };
    const env: Record<string, string> = {};
    await using berth = await TestBerth.start({ network, pluginDirs: [directory.path], env });
    await berth.pull(registry.image);
    const argv = ["run", "--rm", "--log-dir", berth.logDir, "--name", "left", registry.image, "true"];
    const { child, outcome } = startCli(berth, argv);
    await eventually("the pod is being made", () => exists(join(directory.path, "begun")));
    child.kill("SIGKILL");
    await outcome;
    await writeFile(join(directory.path, "go"), "");
    const pods = () => cliOutput(berth, "pods", "-q");
    await eventually("the pod is there", async () => (await pods()) !== "");
    Object.assign(env, hurriedTimers(unstartedMs));
    await berth.restartDaemon();
    await eventually("the pod is gone", async () => (await pods()) === "");
  });
});
