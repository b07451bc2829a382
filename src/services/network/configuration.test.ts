import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { until } from "../../testing/until.ts";
import type { CniNetwork } from "./index.ts";
import { recorder, TestNetwork } from "./testing/test-network.ts";

const limit = { timeout: 60_000 };
const config = { cniVersion: "1.0.0", name: "test", plugins: [{ type: "plain" }] };

async function withPlain(confDir?: (root: string) => string): Promise<TestNetwork> {
  const rig = await TestNetwork.open();
  await rig.plugin("plain", recorder());
  if (confDir !== undefined) await rig.restart({ confDir: confDir(rig.root) });
  return rig;
}

const isReady = (network: CniNetwork) => () => network.status().kind === "ready";
const isNotReady = (network: CniNetwork) => () => network.status().kind === "notReady";

function messageOf(network: CniNetwork): string {
  const status = network.status();
  return status.kind === "ready" ? "ready" : status.message;
}

test("a directory that is created later, with the directories above it, is found", limit, async () => {
  await using rig = await withPlain((root) => `${root}/etc/cni/net.d`);
  assert.match(messageOf(rig.network), /etc\/cni\/net\.d does not exist/);
  await mkdir(`${rig.root}/etc/cni/net.d`, { recursive: true });
  await until(() => /no CNI network configuration in/.test(messageOf(rig.network)));
  await writeFile(`${rig.root}/etc/cni/net.d/10-test.conflist`, JSON.stringify(config));
  await until(isReady(rig.network));
});

test("a directory that is removed and recreated is followed, repeatedly", limit, async () => {
  await using rig = await withPlain();
  for (let round = 0; round < 3; round++) {
    await rig.configure(config);
    await until(isReady(rig.network));
    await rm(rig.options.confDir, { recursive: true });
    await until(isNotReady(rig.network));
  }
});

test("a directory that is replaced by another one is followed", limit, async () => {
  await using rig = await withPlain();
  await rig.configure(config);
  await until(isReady(rig.network));
  await mkdir(`${rig.root}/next`);
  await rename(rig.options.confDir, `${rig.root}/old`);
  await rename(`${rig.root}/next`, rig.options.confDir);
  await until(isNotReady(rig.network));
  await rig.configure(config);
  await until(isReady(rig.network));
});

test("a symbolic link that changes its target is followed", limit, async () => {
  await using rig = await withPlain();
  await mkdir(`${rig.root}/a`);
  await mkdir(`${rig.root}/b`);
  await writeFile(`${rig.root}/b/10-test.conflist`, JSON.stringify(config));
  await symlink(`${rig.root}/a`, rig.options.confDir);
  await until(() => /no CNI network configuration/.test(messageOf(rig.network)));
  await symlink(`${rig.root}/b`, `${rig.root}/link`);
  await rename(`${rig.root}/link`, rig.options.confDir);
  await until(isReady(rig.network));
});

test("a file that is replaced by renaming is read again", limit, async () => {
  await using rig = await withPlain();
  await rig.configure(config);
  await until(isReady(rig.network));
  await writeFile(`${rig.root}/new`, JSON.stringify({ ...config, plugins: [{ type: "missing" }] }));
  await rename(`${rig.root}/new`, `${rig.options.confDir}/10-test.conflist`);
  await until(() => /the CNI plugin missing is not installed/.test(messageOf(rig.network)));
});

test("a plugin that is there and cannot be run is not called missing", limit, async () => {
  await using rig = await withPlain();
  await rig.configure(config);
  await until(isReady(rig.network));
  await chmod(`${rig.root}/bin/plain`, 0o644);
  await until(() =>
    /plugin plain cannot be run: .*\/bin\/plain is not executable; make it executable/.test(
      messageOf(rig.network),
    ),
  );
  const refused = { code: "FailedPrecondition", message: /bin\/plain is not executable/ };
  await assert.rejects(rig.network.attach(await rig.pod()), refused);
  await rm(`${rig.root}/bin/plain`);
  await mkdir(`${rig.root}/bin/plain`);
  await until(() => /plugin plain cannot be run: .*\/bin\/plain is not a file/.test(messageOf(rig.network)));
  // The first one that can be run counts.
  await mkdir(`${rig.root}/more`);
  await writeFile(`${rig.root}/more/plain`, `#!/bin/sh\nLOG=/dev/null\n${recorder()}\n`, { mode: 0o755 });
  await rig.restart({ binDirs: [`${rig.root}/bin`, `${rig.root}/more`] });
  assert.deepEqual((await rig.network.attach(await rig.pod())).ips, ["10.9.0.2"]);
});

test("the first file in lexical order counts, and other files and directories do not", limit, async () => {
  await using rig = await withPlain();
  await rig.configure({ ...config, plugins: [{ type: "missing" }] }, "20-later.conflist");
  await rig.configure("", "00-readme.txt");
  await mkdir(`${rig.options.confDir}/01-directory.conf`);
  await rig.configure({ cniVersion: "0.3.1", name: "single", type: "plain" }, "10-first.conf");
  await rig.restart();
  assert.deepEqual(rig.network.status(), { kind: "ready" });
});

const broken = [
  { what: "is not JSON", text: "{", message: /10-test\.conflist is invalid: it is not JSON/ },
  { what: "is no object", text: "[]", message: /not a JSON object/ },
  {
    what: "has no plugins",
    text: '{"name":"a","cniVersion":"1.0.0","plugins":[]}',
    message: /"plugins" is not a list/,
  },
  {
    what: "has no type",
    text: '{"name":"a","cniVersion":"1.0.0"}',
    message: /"type" of a plugin is undefined/,
  },
  {
    what: "names a plugin outside the plugins' directories",
    text: '{"name":"a","cniVersion":"1.0.0","type":"../../bin/sh"}',
    message: /"type" of a plugin is "..\/..\/bin\/sh"/,
  },
  {
    what: "disables GC with neither true nor false",
    text: '{"name":"a","cniVersion":"1.1.0","disableGC":"yes","plugins":[{"type":"plain"}]}',
    message: /"disableGC" is "yes"/,
  },
  {
    what: "loads only plugins that it does not have",
    text: '{"name":"a","cniVersion":"1.1.0","loadOnlyInlinedPlugins":true}',
    message: /"loadOnlyInlinedPlugins" is true, and there are no "plugins"/,
  },
  { what: "has no name", text: '{"cniVersion":"1.0.0","type":"plain"}', message: /"name" is undefined/ },
  {
    what: "has an unknown version",
    text: '{"name":"a","cniVersion":"9.0.0","type":"plain"}',
    message: /"9.0.0"; supported/,
  },
];

for (const { what, text, message } of broken) {
  test(
    `a configuration that ${what} makes the network not ready with a message, whatever files follow`,
    limit,
    async () => {
      await using rig = await withPlain();
      await rig.configure(config, "99-good.conflist");
      await rig.configure(text);
      await rig.restart();
      const status = rig.network.status();
      assert.equal(status.kind === "notReady" && status.reason, "NetworkPluginNotReady");
      assert.match(messageOf(rig.network), message);
      await assert.rejects(rig.network.attach(await rig.pod()), { code: "Unavailable", message });
    },
  );
}

test("the newest version that both sides support is used", limit, async () => {
  await using rig = await withPlain();
  await rig.configure({ ...config, cniVersion: "0.4.0", cniVersions: ["0.3.1", "1.0.0", "7.0.0"] });
  await rig.restart();
  const pod = await rig.pod();
  await rig.network.attach(pod);
  const [call] = await rig.calls();
  assert.equal(call?.request.cniVersion, "1.0.0");
});

test("networks with STATUS are ready if their plugins report it", limit, async () => {
  await using rig = await TestNetwork.open();
  const notNow = `{"code":50,"msg":"agent is down"}`;
  await rig.plugin(
    "agent",
    recorder(`case $CNI_COMMAND in STATUS) [ -e "$LOG.up" ] || { echo '${notNow}'; exit 1; } ;; esac`),
  );
  await rig.configure({
    cniVersion: "1.1.0",
    name: "test",
    plugins: [{ type: "agent", capabilities: { mac: true } }],
  });
  await rig.restart();
  await until(() => /agent is down/.test(messageOf(rig.network)));
  await writeFile(`${rig.root}/calls.up`, "");
  await until(isReady(rig.network));
  const call = (await rig.calls()).find(({ command }) => command === "STATUS");
  assert.deepEqual(call?.request, { type: "agent", name: "test", cniVersion: "1.1.0" });
});

test("networks with GC get the valid attachments once, at the start", limit, async () => {
  await using rig = await withPlain();
  await rig.configure({ ...config, cniVersion: "1.1.0" });
  await rig.restart();
  const [kept, gone] = [await rig.pod(), await rig.pod()];
  await rig.network.attach(kept);
  await rig.network.attach(gone);
  await rig.network.detach(gone.sandboxId);
  await rig.restart();
  await rig.network.attach(await rig.pod());
  const collections = (await rig.calls()).filter(({ command }) => command === "GC");
  const valid = collections.map(({ request }) => request["cni.dev/valid-attachments"]);
  assert.deepEqual(valid, [[], [{ containerID: kept.sandboxId, ifname: "eth0" }]]);
});

test("plugins of a list may have files of their own, in the directory of its network", limit, async () => {
  await using rig = await withPlain();
  for (const type of ["first", "last"]) await rig.plugin(type, recorder());
  const directory = `${rig.options.confDir}/test`;
  await rig.configure(config);
  await until(isReady(rig.network));
  const types = async () => {
    const pod = await rig.pod();
    // Not while a file is half written.
    await rig.network.attach(pod).catch(() => undefined);
    await rig.network.detach(pod.sandboxId);
    const calls = await rig.calls();
    return calls
      .filter(({ command }) => command === "ADD")
      .slice(-3)
      .map(({ type }) => type);
  };
  await mkdir(directory);
  await writeFile(`${directory}/20-last.conf`, '{"type":"last"}');
  await writeFile(`${directory}/10-first.conf`, '{"type":"first"}');
  await writeFile(`${directory}/30-other.json`, '{"type":"missing"}');
  await until(async () => (await types()).join() === "plain,first,last");
  await writeFile(`${directory}/20-last.conf`, "{");
  await until(() =>
    /its plugin in .*\/test\/20-last\.conf is invalid: it is not JSON/.test(messageOf(rig.network)),
  );
  await rig.configure({ ...config, loadOnlyInlinedPlugins: true });
  await until(isReady(rig.network));
  assert.deepEqual((await types()).slice(-1), ["plain"]);
  await rig.configure({ cniVersion: "1.0.0", name: "test" });
  await writeFile(`${directory}/20-last.conf`, '{"type":"last"}');
  await until(async () => isReady(rig.network)() && (await types()).slice(-2).join() === "first,last");
});

test("what symbolic links lead to is followed: files, and the directory of a network", limit, async () => {
  await using rig = await withPlain();
  await rig.plugin("last", recorder());
  const elsewhere = `${rig.root}/elsewhere`;
  const file = `${elsewhere}/10-test.conflist`;
  const plugin = `${elsewhere}/plugins/10-last.conf`;
  await mkdir(`${elsewhere}/plugins`, { recursive: true });
  await writeFile(file, JSON.stringify({ cniVersion: "1.0.0", name: "test" }));
  await writeFile(plugin, '{"type":"last"}');
  await mkdir(rig.options.confDir, { recursive: true });
  await symlink(`${elsewhere}/plugins`, `${rig.options.confDir}/test`);
  await symlink(file, `${rig.options.confDir}/10-test.conflist`);
  await until(isReady(rig.network));
  // Several times: the first change may be read because of what came before it.
  for (const [path, invalid] of [
    [plugin, /10-last\.conf is invalid/],
    [file, /10-test\.conflist is invalid/],
    [plugin, /10-last\.conf is invalid/],
    [file, /10-test\.conflist is invalid/],
  ] as const) {
    const valid = await readFile(path);
    await writeFile(path, "{");
    await until(() => invalid.test(messageOf(rig.network)));
    await writeFile(path, valid);
    await until(isReady(rig.network));
  }
});

for (const disableGC of [true, "true", "True"])
  test(`networks that disable GC, as ${JSON.stringify(disableGC)}, do not get it`, limit, async () => {
    await using rig = await withPlain();
    await rig.configure({ ...config, cniVersion: "1.1.0", disableGC });
    await rig.restart();
    await rig.network.attach(await rig.pod());
    assert.equal((await rig.commands("plain")).includes("GC"), false);
  });

const oldResult = '{"ip4":{"ip":"10.9.0.2/24","gateway":"10.9.0.1"},"ip6":{"ip":"fd09::2/64"},"dns":{}}';

for (const { what, named, sent } of [
  { what: "that names no version", named: {}, sent: "0.1.0" },
  { what: "whose version is empty", named: { cniVersion: "" }, sent: "0.1.0" },
  { what: "of version 0.2.0", named: { cniVersion: "0.2.0" }, sent: "0.2.0" },
]) {
  test(`a configuration ${what} is used, and so is its result format`, limit, async () => {
    await using rig = await TestNetwork.open();
    await rig.plugin("plain", recorder(`[ $CNI_COMMAND != ADD ] || echo '${oldResult}'`));
    await rig.configure({ name: "test", type: "plain", ...named }, "10-test.conf");
    await rig.restart();
    const pod = await rig.pod();
    const { ips, interfaces } = await rig.network.attach(pod);
    assert.deepEqual(ips, ["10.9.0.2", "fd09::2"]);
    assert.deepEqual(interfaces, [{ name: "eth0", mac: "", ips }]);
    await rig.network.detach(pod.sandboxId);
    const calls = await rig.calls();
    assert.deepEqual(
      calls.map(({ request }) => request),
      Array(2).fill({ name: "test", type: "plain", cniVersion: sent }),
    );
  });
}
