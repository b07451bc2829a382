import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../testing/private-network.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { until } from "../../testing/until.ts";
import type { Attachment } from "./attachment.ts";
import { parseAttachment } from "./attachment-format.ts";
import { assertNothingLeft, bridged, leftovers, nothing, ways } from "./testing/bridged.ts";
import { recorder, TestNetwork } from "./testing/test-network.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };
const portmap = { type: "portmap", capabilities: { portMappings: true } };
const ports = { portMappings: [{ hostPort: 18081, containerPort: 80, protocol: "tcp" as const }] };

type Damage = {
  readonly title: string;
  readonly text?: string;
  /** Replaces the file's contents. */
  readonly edit?: (attachment: Attachment) => object;
  /** Replaces the file's text. */
  readonly replaceText?: (text: string) => string;
  /** Replaces the file itself. */
  readonly replace?: (file: string) => Promise<unknown>;
};

const otherPod = "0".repeat(64);

const damages: readonly Damage[] = [
  { title: "is gone", replace: () => Promise.resolve() },
  { title: "names no network", edit: (attachment) => ({ ...attachment, networks: [] }) },
  {
    title: "names another interface",
    edit: ({ pod, networks }) => ({ pod, networks: networks.map((n) => ({ ...n, ifName: "lo" })) }),
  },
  {
    title: "is another pod's",
    edit: ({ pod, networks }) => ({ pod: { ...pod, sandboxId: otherPod }, networks }),
  },
  {
    title: "names the namespace of another pod",
    edit: ({ pod, networks }) => ({ pod: { ...pod, netnsPath: "/run/netns/none" }, networks }),
  },
  {
    title: "lacks the pod's ports",
    edit: ({ pod, networks }) => ({ pod: { ...pod, portMappings: [] }, networks }),
  },
  { title: "is a directory", replace: (file) => mkdir(`${file}/with/others`, { recursive: true }) },
  { title: "is a FIFO", replace: (file) => run("mkfifo", [file]) },
  {
    title: "lacks the end of the result",
    replaceText: (text) => text.trimEnd().slice(0, -1),
  },
  { title: "has garbage for a result", replaceText: (text) => `${text.split("\n")[0]}\n{"result":7}\n` },
  { title: "is empty", text: "" },
  { title: "was cut", text: '{"pod":{"sandboxId":"' },
  { title: "is JSON of another form", text: '{"pod":{},"networks":[{}]}' },
  {
    title: "has another plugin type than a name",
    text: '{"pod":{},"networks":[{"config":{"plugins":[{"type":7}]}}]}',
  },
];

for (const { title, text, edit, replaceText, replace } of damages) {
  for (const { way, builtinPlugins } of ways)
    test(`DEL leaves nothing of a pod whose attachment's file ${title}, ${way}`, limit, async () => {
      await using rig = await bridged({ builtinPlugins, chained: [portmap] });
      const pod = await rig.pod(ports);
      await rig.network.attach(pod);
      assert.notDeepEqual(await leftovers(rig), nothing);
      const file = `${rig.options.cacheDir}/${pod.sandboxId}.json`;
      if (text !== undefined) await writeFile(file, text);
      if (edit !== undefined)
        await writeFile(
          file,
          JSON.stringify(edit(parseAttachment(await readFile(file, "utf8"), pod.sandboxId))),
        );
      if (replaceText !== undefined) await writeFile(file, replaceText(await readFile(file, "utf8")));
      if (replace !== undefined) {
        await rm(file);
        await replace(file);
      }
      await rig.restart();
      await rig.network.detach(pod.sandboxId, { pod });
      await assertNothingLeft(rig);
      assert.deepEqual(await rig.network.attachments(), []);
    });
}

for (const { way, builtinPlugins } of ways) {
  test(
    `an attachment's file that describes another pod removes nothing of that one, ${way}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins });
      const pod = await rig.pod();
      const other = await rig.pod();
      await rig.network.attach(pod);
      await rig.network.attach(other);
      const before = await leftovers(rig);
      const directory = rig.options.cacheDir;
      await copyFile(`${directory}/${other.sandboxId}.json`, `${directory}/${pod.sandboxId}.json`);
      await rig.network.detach(pod.sandboxId, { pod });
      assert.equal((await leftovers(rig)).links, before.links - 1);
      assert.deepEqual(await rig.network.attachments(), [other.sandboxId]);
      await rig.network.detach(other.sandboxId, { pod: other });
      await assertNothingLeft(rig);
    },
  );
}

for (const { way, builtinPlugins } of ways) {
  test(`DEL of a pod with only an empty file frees its addresses, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins, ipMasq: false });
    const pod = await rig.pod();
    await rig.network.attach(pod);
    await writeFile(`${rig.options.cacheDir}/${pod.sandboxId}.json`, "");
    await rig.network.detach(pod.sandboxId);
    assert.deepEqual(await leftovers(rig), { ...nothing, links: 1 });
    assert.deepEqual(await rig.network.attachments(), []);
  });
}

for (const { title, lose } of [
  { title: "a pod", lose: async () => undefined },
  { title: "a pod whose record is lost", lose: (record: string) => writeFile(record, "") },
]) {
  test(
    `DEL of ${title} removes what a daemon left that was killed during the reservation of an address`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins: true, ipMasq: false });
      const pod = await rig.pod();
      await rig.network.attach(pod);
      const draft = `${rig.root}/addresses/test/berth-${pod.sandboxId}`;
      await writeFile(draft, "");
      await lose(`${rig.options.cacheDir}/${pod.sandboxId}.json`);
      await rig.network.detach(pod.sandboxId);
      await assert.rejects(access(draft), { code: "ENOENT" });
    },
  );
}

for (const { title, damage, way, builtinPlugins } of [
  { title: "gone", damage: (file: string) => rm(file) },
  { title: "empty", damage: (file: string) => writeFile(file, "") },
].flatMap((each) => ways.map((way) => ({ ...each, ...way })))) {
  test(
    `a pod whose attachment's file is ${title} is kept while there is no configuration, released in the end, and detached when there is one again, ${way}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins });
      const pod = await rig.pod();
      await rig.network.attach(pod);
      const configuration = `${rig.options.confDir}/10-test.conflist`;
      await rename(configuration, `${rig.root}/kept`);
      await damage(`${rig.options.cacheDir}/${pod.sandboxId}.json`);

      await rig.restart();
      await assert.rejects(rig.network.detach(pod.sandboxId, { pod }), {
        code: "Unavailable",
        message: /the record of its networks is lost.*restore the configuration/,
      });
      assert.equal((await leftovers(rig)).links, 1);

      await rig.restart({ giveUpAfterMs: 0 });
      await rig.network.detach(pod.sandboxId, { pod });
      assert.deepEqual(await rig.network.attachments(), [pod.sandboxId]);
      assert.deepEqual(await rig.network.describe(pod.sandboxId), []);

      await rename(`${rig.root}/kept`, configuration);
      // An attempt of the previous daemon may still be running, and disturb the first one of this.
      await rig.restart({ giveUpAfterMs: 0 });
      await until(async () => (await rig.network.attachments()).length === 0);
      await assertNothingLeft(rig);
    },
  );
}

test("a pod that was never attached is detached at once without a configuration", limit, async () => {
  await using rig = await TestNetwork.open();
  const pod = await rig.pod();
  await rig.network.detach(pod.sandboxId);
  assert.deepEqual(await rig.network.attachments(), []);
});

test(
  "a pod whose plugin is gone is released after the configured time, and the plugin is retried when it is back",
  limit,
  async () => {
    await using rig = await bridged({ chained: [{ type: "helper" }] });
    await rig.plugin("helper", recorder());
    await rig.restart({ giveUpAfterMs: 500 });
    const pod = await rig.pod();
    await rig.network.attach(pod);
    await rename(`${rig.root}/bin/helper`, `${rig.root}/helper`);
    await assert.rejects(rig.network.detach(pod.sandboxId, { pod }), {
      code: "FailedPrecondition",
      message: /helper is not installed/,
    });
    assert.equal((await leftovers(rig)).links, 1);
    await until(() =>
      rig.network.detach(pod.sandboxId, { pod }).then(
        () => true,
        () => false,
      ),
    );
    await assertNothingLeft(rig);
    assert.deepEqual(await rig.network.attachments(), [pod.sandboxId]);
    await rename(`${rig.root}/helper`, `${rig.root}/bin/helper`);
    await until(async () => (await rig.network.attachments()).length === 0);
    assert.deepEqual(await rig.commands("helper"), ["ADD", "DEL"]);
  },
);

test("a restarted daemon runs the plugins of a pod that was released", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "helper" }] });
  await rig.plugin("helper", recorder());
  await rig.restart({ giveUpAfterMs: 0 });
  const pod = await rig.pod();
  await rig.network.attach(pod);
  await rename(`${rig.root}/bin/helper`, `${rig.root}/helper`);
  await rig.network.detach(pod.sandboxId, { pod });
  await rename(`${rig.root}/helper`, `${rig.root}/bin/helper`);
  await rig.restart({ giveUpAfterMs: 3_600_000 });
  await until(async () => (await rig.network.attachments()).length === 0);
  // On a slow machine, the earlier daemon also retries before it ends.
  assert.deepEqual([...new Set(await rig.commands("helper"))], ["ADD", "DEL"]);
});

test("a released pod whose DEL keeps failing does not block others", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "helper" }] });
  await rig.plugin("helper", recorder());
  await rig.restart({ giveUpAfterMs: 0 });
  const pods = [await rig.pod(), await rig.pod()];
  for (const pod of pods) await rig.network.attach(pod);
  await rename(`${rig.root}/bin/helper`, `${rig.root}/helper`);
  for (const pod of pods) await rig.network.detach(pod.sandboxId, { pod });
  const [failing = "", ...others] = await rig.network.attachments();
  await rig.plugin("helper", recorder(`[ "$CNI_CONTAINERID" != ${failing} ] || exit 1`));
  await rig.restart({ giveUpAfterMs: 3_600_000 });
  await until(async () => !(await rig.network.attachments()).includes(others[0] ?? ""));
  assert.deepEqual(await rig.network.attachments(), [failing]);
  await rig.plugin("helper", recorder());
  await rig.network.detach(failing);
});

test("nothing is started for a pod on a network with a missing plugin", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "missing" }] });
  const pod = await rig.pod();
  await assert.rejects(rig.network.attach(pod), {
    code: "FailedPrecondition",
    message: /missing is not inst/,
  });
  assert.deepEqual(await rig.network.attachments(), []);
});

test("a DEL that was running when its daemon was killed may finish before the next one", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "slow" }] });
  const slowly = `if mkdir "$LOG.first" 2>/dev/null; then sleep 1; echo '{"type":"slow","command":"end"}' >> "$LOG"; fi`;
  await rig.plugin("slow", recorder(`case $CNI_COMMAND in ADD) echo "$RESULT";; DEL) ${slowly};; esac`));
  const pod = await rig.pod();
  await rig.network.attach(pod);
  const script = new URL("./testing/once.ts", import.meta.url).pathname;
  const job = JSON.stringify({ options: rig.options, pod, command: "DEL" });
  const daemon = spawn(process.execPath, [script, job], { stdio: "ignore" });
  const ended = once(daemon, "exit");
  await until(async () => (await rig.commands("slow")).includes("DEL"));
  daemon.kill("SIGKILL");
  await ended;
  await rig.restart();
  await rig.network.detach(pod.sandboxId);
  assert.deepEqual(await rig.commands("slow"), ["ADD", "DEL", "end", "DEL"]);
  await assertNothingLeft(rig);
});

test("a file that was being written when the daemon was killed is removed at the start", limit, async () => {
  await using rig = await bridged();
  await writeFile(`${rig.options.cacheDir}/abc.json.new`, "{");
  await mkdir(`${rig.options.cacheDir}/def.json.new/others`, { recursive: true });
  await rig.restart();
  assert.deepEqual(await readdir(rig.options.cacheDir), []);
});

test("an attachment that cannot be written leaves no file and no address", limit, async () => {
  await using disk = await smallDisk(1 << 20);
  await using rig = await TestNetwork.open({ cacheDir: `${disk.path}/cache` });
  await rig.plugin("plain", recorder());
  await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [{ type: "plain" }] });
  await rig.restart();
  await disk.fill();
  await assert.rejects(rig.network.attach(await rig.pod()), { code: "ENOSPC" });
  assert.deepEqual(await readdir(rig.options.cacheDir), []);
  assert.deepEqual(await rig.calls(), []);
});
