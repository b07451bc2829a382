import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { passNone } from "../spec/passed-annotations.ts";
import { detectHandlers } from "./detect-handlers.ts";
import { obstacleFor } from "./obstacles.ts";

const configured = {
  kata: { path: "/opt/kata/bin/kata-runtime", privilegedWithoutHostDevices: true, ...passNone },
};

describe("handlers", () => {
  test("are found with type, version and features, and a missing one says what to install", async () => {
    await using state = await tempDir();
    const table = await detectHandlers({
      handlers: configured,
      defaultHandler: "auto",
      stateDir: state.path,
    });
    const [crun, runc, kata] = table.handlers;
    assert.equal(runc?.type, "runc");
    assert.equal(crun?.type, "crun");
    assert.match(crun?.version ?? "", /^\d+\.\d+/);
    assert.equal(crun?.features.recursiveReadOnlyMounts, true);
    assert.ok(kata?.usability.kind === "unusable");
    assert.match(kata.usability.remedy, /kata-runtime/);
    assert.deepEqual([runc?.privilegedWithoutHostDevices, kata.privilegedWithoutHostDevices], [false, true]);
    assert.equal(table.defaultName, crun?.usability.kind === "usable" ? "crun" : "runc");
  });

  test("are not started again while their programs are the same", async () => {
    await using state = await tempDir();
    const path = join(state.path, "counting");
    const runs = join(state.path, "runs");
    const script = (version: string) => `#!/bin/sh\necho $1 >> ${runs}\necho "counting version ${version}"\n`;
    const detect = () =>
      detectHandlers({
        handlers: { counting: { path, privilegedWithoutHostDevices: false, ...passNone } },
        defaultHandler: "auto",
        stateDir: state.path,
      });
    await writeFile(path, script("1.0"));
    await chmod(path, 0o755);
    await detect();
    const once = await readFile(runs, "utf8");
    assert.equal((await detect()).handlers[2]?.version, "1.0");
    assert.equal(await readFile(runs, "utf8"), once);
    await writeFile(path, script("1.0.1"));
    assert.equal((await detect()).handlers[2]?.version, "1.0.1");
  });

  test("that do not answer in time are usable for now, and are asked again", async () => {
    await using state = await tempDir();
    const path = join(state.path, "runc");
    const detect = async (answerMs: number) => {
      const handlers = { slow: { path, privilegedWithoutHostDevices: false, ...passNone } };
      const table = await detectHandlers({
        handlers,
        defaultHandler: "auto",
        stateDir: state.path,
        answerMs,
      });
      return table.handlers.find(({ name }) => name === "slow");
    };
    await writeFile(path, '#!/bin/sh\n[ "$1" = features ] && exit 1\nexec sleep 1000\n');
    await chmod(path, 0o755);
    const late = await detect(100);
    assert.deepEqual([late?.usability.kind, late?.type, late?.version], ["usable", "runc", ""]);
    const features = '#!/bin/sh\n[ "$1" = features ] && exec sleep 1000\necho "runc version 1.1.5"\n';
    await writeFile(path, features);
    // A shell has its time also where the machine is busy.
    let version: string | undefined = "";
    for (let answerMs = 500; version === ""; answerMs *= 2) version = (await detect(answerMs))?.version;
    assert.equal(version, "1.1.5");
    await writeFile(path, features.replace("exec sleep 1000", 'exec echo \'{"mountOptions":["rro"]}\''));
    assert.equal((await detect(60_000))?.features.recursiveReadOnlyMounts, true);
  });

  test("that fail to tell their version are unusable, with what the program said", async () => {
    await using state = await tempDir();
    const path = join(state.path, "crun");
    await writeFile(path, "#!/bin/sh\necho 'no such library' >&2\nexit 127\n");
    await chmod(path, 0o755);
    const { handlers } = await detectHandlers({
      handlers: { broken: { path, privilegedWithoutHostDevices: false, ...passNone } },
      defaultHandler: "auto",
      stateDir: state.path,
    });
    const { usability } = handlers.find(({ name }) => name === "broken") ?? assert.fail();
    assert.ok(usability.kind === "unusable");
    assert.equal(usability.reason, `${path} --version fails (exit code 127): no such library`);
  });

  test("have the configured default, which must be one of them", async () => {
    await using state = await tempDir();
    const detect = (defaultHandler: string) =>
      detectHandlers({ handlers: configured, defaultHandler, stateDir: state.path });
    assert.equal((await detect("runc")).defaultName, "runc");
    await assert.rejects(detect("gvisor"), { code: "InvalidArgument", message: /crun, runc, kata/ });
  });
});

test("crun is unusable with hybrid cgroups while cgroup2 has controllers, and the remedy names them", () => {
  const facts = {
    type: "crun",
    version: "1.8.1",
    features: {
      recursiveReadOnlyMounts: true,
      userNamespaces: false,
      cgroupNamespaces: false,
      checkpoint: false,
      idMappingsInSpec: true,
      readOnlySysfsForAll: false,
    },
  } as const;
  const hybrid = (controllers: readonly string[]) =>
    ({ kind: "hybrid", v1: new Map(), v2: { mountPoint: "/sys/fs/cgroup/unified", controllers } }) as const;
  assert.match(obstacleFor(facts, hybrid(["hugetlb"]), "/usr/bin/crun")?.remedy ?? "", /-o hugetlb/);
  assert.equal(obstacleFor(facts, hybrid([]), "/usr/bin/crun"), undefined);
  assert.equal(obstacleFor({ ...facts, type: "runc" }, hybrid(["hugetlb"]), "/usr/sbin/runc"), undefined);
});
