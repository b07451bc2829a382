import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";
import type { PodSandboxConfig } from "../src/ground/protocol/index.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withCrashingBerth } from "./support/with-crashing-berth.ts";

/** What Docker believes to have removed, and has not, because a part of it was killed at work. */
describe("the Docker engine", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-test-remains-"));
  after(() => rmSync(directory, { recursive: true }));
  const { host, runtime, image, clean, run, create, start, pods, ...berths } = withCrashingBerth(
    { engine: "docker", docker: { liveRestore: true, runtime: killedRuntime(directory) } },
    async () => {
      const config = configOf("first");
      const podSandboxId = await run(config);
      await start(await createMain(podSandboxId, config));
      await runtime().removePodSandbox({ podSandboxId });
    },
  );
  const configOf = (name: string) => podConfig(name, { linux: { cgroupParent: host().cgroupParent } });
  const createMain = (podSandboxId: string, config: PodSandboxConfig) =>
    create(podSandboxId, config, shellConfig("main", image(), "exec sleep 1000"));
  const arm = (fault: Fault, pid: number | "self" = "self") => writeFile(join(directory, fault), `${pid}`);

  afterEach(async () => {
    for (const { id } of await pods()) await runtime().removePodSandbox({ podSandboxId: id });
  });

  for (const fault of ["create", "start"] as const) {
    it(`removes what is left of a sandbox if the OCI runtime is killed at ${fault}`, async () => {
      const config = configOf(`sandbox-${fault}`);
      await arm(fault);
      await assert.rejects(run(config));
      await host().returnsTo(clean());
      await berths.removeAndLookAround(await run(config));
    });

    it(`removes what is left of a container if the OCI runtime is killed at ${fault}`, async () => {
      const config = configOf(`container-${fault}`);
      const podSandboxId = await run(config);
      const id = await createMain(podSandboxId, config);
      await arm(fault);
      await assert.rejects(start(id));
      await berths.removeAndLookAround(podSandboxId);
    });
  }

  it("removes what is left of a pod if the OCI runtime is killed at delete", async () => {
    const config = configOf("delete");
    const podSandboxId = await run(config);
    await start(await createMain(podSandboxId, config));
    await arm("delete");
    // Docker may wait in vain for the end of the container.
    await runtime()
      .removePodSandbox({ podSandboxId })
      .catch(() => undefined);
    await berths.removeAndLookAround(podSandboxId);
  });

  it("removes it also if berthd is killed before that", async () => {
    const config = configOf("restarted");
    const podSandboxId = await run(config);
    const id = await createMain(podSandboxId, config);
    await arm("start");
    await assert.rejects(start(id));
    await runtime().removePodSandbox({ podSandboxId });
    await host().berth.restartDaemon("SIGKILL");
    await host().returnsTo(clean());
  });

  it("ends a sandbox's processes if dockerd is killed at its start, and berthd before it looks for them", async () => {
    const config = configOf("forgotten");
    const { docker } = host().berth;
    await arm("started", docker?.pid);
    await assert.rejects(run(config));
    await docker?.ended();
    await docker?.start();
    await host().engineIsThere();
    await host().berth.restartDaemon("SIGKILL");
    await host().returnsTo(clean());
    await berths.removeAndLookAround(await run(config));
  });
});

/** The last one: another process is killed, after the start. */
type Fault = "create" | "start" | "delete" | "started";

/**
 * A runc that is killed once at a command for which there is a file in the directory; at "create" when it has
 * made the cgroups and a mount, but no record of them yet.
 */
function killedRuntime(directory: string): string {
  const path = join(directory, "runc");
  const script = `#!/bin/sh
for word; do
  case $before in --root) root=$word ;; --pid-file) pidfile=$word ;; esac
  case $word in create | start | delete) [ -n "$command" ] || command=$word ;; esac
  before=$word
done
if rm "${directory}/$command" 2>/dev/null; then
  if [ "$command" = create ]; then
    runc "$@"
    kill -KILL "$(cat "$pidfile")"
    rm -r "$root/$before"
    # runc 1.1 has its own program mounted there for a moment.
    mkdir "$root/$before"
    : >"$root/$before/runc.AbCdEf"
    mount --bind /bin/true "$root/$before/runc.AbCdEf"
  fi
  kill -KILL $$
fi
[ "$command" = start ] && [ -e "${directory}/started" ] || exec runc "$@"
victim=$(cat "${directory}/started")
rm "${directory}/started"
runc "$@"
kill -KILL "$victim"
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}
