import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Protocol } from "../src/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { bridgeNetwork, TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { readHostState } from "./support/host-state.ts";
import { TestPod } from "./support/pod.ts";

const limit = { timeout: 120_000 };

const portMappings = [{ protocol: Protocol.TCP, containerPort: 80, hostPort: 18082, hostIp: "" }];

describe("a pod's network", () => {
  for (const { title, text } of [
    { title: "is gone", text: undefined },
    { title: "is empty", text: "" },
    { title: "is JSON of another form", text: '{"pod":{},"networks":[{}]}' },
  ]) {
    test(`is taken down when the file of its attachment ${title}`, limit, async () => {
      await using berth = await TestBerth.start();
      // The bridge and its rules stay for the next pod.
      await remove(berth, await TestPod.run(berth, "first"));
      const before = await networkState(berth);
      const pod = await TestPod.run(berth, "pod", { portMappings });
      const file = join(berth.root, "network", `${pod.id}.json`);
      if (text === undefined) await rm(file);
      else await writeFile(file, text);
      await remove(berth, pod);
      assert.deepEqual(await networkState(berth), before);
      assert.deepEqual(await readdir(join(berth.root, "network")), []);
    });
  }

  test(
    "does not keep a pod whose plugin is gone from being removed, as a kubelet does it",
    limit,
    async () => {
      await using plugins = await tempDir();
      const helper = join(plugins.path, "berth-helper");
      const network = bridgeNetwork() as { readonly plugins: readonly object[] };
      const chain = { ...network, plugins: [...network.plugins, { type: "berth-helper" }] };
      // It passes on what it gets.
      await writeFile(helper, "#!/bin/sh\n[ $CNI_COMMAND != ADD ] || sed 's/.*\"prevResult\"://; s/}$//'\n", {
        mode: 0o755,
      });
      await using berth = await TestBerth.start({
        network: chain,
        pluginDirs: [plugins.path],
        giveUpAfter: "2s",
      });
      const { runtime } = berth.clients;
      await remove(berth, await TestPod.run(berth, "first"));
      const before = await networkState(berth);
      const pod = await TestPod.run(berth, "pod", { portMappings });
      await rm(helper);
      await assert.rejects(runtime.stopPodSandbox({ podSandboxId: pod.id }), /berth-helper is not installed/);
      await eventually("the pod is stopped", () =>
        runtime.stopPodSandbox({ podSandboxId: pod.id }).then(
          () => true,
          () => false,
        ),
      );
      await runtime.removePodSandbox({ podSandboxId: pod.id });
      assert.deepEqual(await networkState(berth), before);
      assert.match(await berth.daemonLog(), /DEL keeps failing: the pod is let go/);
    },
  );
});

async function remove({ clients }: TestBerth, { id }: TestPod): Promise<void> {
  await clients.runtime.stopPodSandbox({ podSandboxId: id });
  await clients.runtime.removePodSandbox({ podSandboxId: id });
}

/** What plugins leave on a machine. */
async function networkState({ cniConfDir }: TestBerth) {
  const state = await readHostState();
  const { name } = JSON.parse(await readFile(join(cniConfDir, "10-test.conflist"), "utf8"));
  const reserved = await readdir(`/var/lib/cni/networks/${name}`);
  return {
    links: state.link,
    rules: state["iptables rule"],
    addresses: reserved.filter((file) => /^\d+\.\d/.test(file)),
  };
}
