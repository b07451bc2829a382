import assert from "node:assert/strict";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../../ground/config/index.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Finding, runDoctor, worstOf } from "./index.ts";

type Machine = { readonly toml?: string; readonly registries?: readonly string[] };

/** What one check finds, with a configuration and registries of the test's choice. */
async function findings(
  check: string,
  { toml = "", registries = [] }: Machine = {},
): Promise<readonly Finding[]> {
  const request = { config: parseConfig(toml, "test"), registries };
  const results = await runDoctor(request, new AbortController().signal);
  return results.find((result) => result.check === check)?.findings ?? [];
}

async function serveHttp(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

test("every finding that is not ok says what to do", async () => {
  const results = await runDoctor(
    { config: parseConfig("", "test"), registries: [] },
    new AbortController().signal,
  );
  const all = results.flatMap((result) => result.findings);
  assert.ok(all.length > 10);
  for (const { severity, title, remedy } of all) assert.equal(severity === "ok", remedy === undefined, title);
});

test("the worst of the findings is the answer", () => {
  const result = (severity: Finding["severity"]) => ({
    check: "x",
    findings: [{ severity, title: "", detail: "" }],
  });
  assert.equal(worstOf([]), "ok");
  assert.equal(worstOf([result("ok"), result("warn")]), "warn");
  assert.equal(worstOf([result("fail"), result("warn")]), "fail");
});

test("a conflist is followed to its plugins, and a plugin that is missing is named", async () => {
  await using dir = await tempDir();
  await mkdir(join(dir.path, "bin"));
  await writeFile(join(dir.path, "bin/bridge"), "#!/bin/sh\n", { mode: 0o755 });
  const conflist = { cniVersion: "1.0.0", name: "pods", plugins: [{ type: "bridge" }, { type: "absent" }] };
  await writeFile(join(dir.path, "10-pods.conflist"), JSON.stringify(conflist));
  const found = await findings("cni", {
    toml: `[network]\nconf_dir = "${dir.path}"\nbin_dirs = ["${dir.path}/bin"]\n`,
  });
  assert.deepEqual(
    found.map(({ severity, title }) => [severity, title]),
    [
      ["ok", "CNI configuration"],
      ["ok", "CNI plugins"],
      ["ok", "CNI plugin bridge"],
      ["fail", "CNI plugin absent"],
    ],
  );
});

test("a plugin that cannot be run is not called missing", async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, "bridge"), "#!/bin/sh\n", { mode: 0o644 });
  const conflist = { cniVersion: "1.0.0", name: "pods", plugins: [{ type: "bridge" }] };
  await writeFile(join(dir.path, "10-pods.conflist"), JSON.stringify(conflist));
  const toml = `[network]\nconf_dir = "${dir.path}"\nbin_dirs = ["${dir.path}"]\n`;
  const found = (await findings("cni", { toml })).at(-1);
  assert.deepEqual([found?.severity, found?.detail], ["fail", `${dir.path}/bridge is not executable`]);
});

test("a network that is built in needs no plugins; one that is not tells why", async () => {
  const network = {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [{ type: "bridge", ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] } }],
  };
  const detailsOf = async (conflist: object) => {
    await using dir = await tempDir();
    await writeFile(join(dir.path, "10-pods.conflist"), JSON.stringify(conflist));
    const toml = `[network]\nconf_dir = "${dir.path}"\nbin_dirs = ["${dir.path}"]\n`;
    return (await findings("cni", { toml })).slice(1).map(({ title, detail }) => `${title}: ${detail}`);
  };
  assert.deepEqual(await detailsOf(network), ["CNI plugins: built in, no programs needed"]);
  const [why, plugin] = await detailsOf({ ...network, plugins: [{ type: "macvlan" }] });
  assert.match(why ?? "", /^CNI plugins: run as programs: .*macvlan/);
  assert.match(plugin ?? "", /^CNI plugin macvlan: not found/);
});

for (const [what, text, reason] of [
  ["is no JSON", "{", /10-pods\.conflist: .*JSON/],
  ["has no name", '{"plugins":[{"type":"x"}]}', /no "name"/],
  ["has no plugins", '{"name":"pods","plugins":[]}', /"plugins" is empty/],
  ["has a plugin without a type", '{"name":"pods","plugins":[{}]}', /plugin 1 has no "type"/],
] as const) {
  test(`a network configuration that ${what} is a failure that names the file`, async () => {
    await using dir = await tempDir();
    await writeFile(join(dir.path, "10-pods.conflist"), text);
    const [found] = await findings("cni", { toml: `[network]\nconf_dir = "${dir.path}"\n` });
    assert.equal(found?.severity, "fail");
    assert.match(found?.detail ?? "", reason);
  });
}

test("no network configuration is a warning where there is no default network", async () => {
  await using dir = await tempDir();
  const toml = `root = "${dir.path}"\n[network]\nconf_dir = "${dir.path}/none"\n`;
  for (const more of ['default = "none"', 'conf_template = "/template"']) {
    const [found] = await findings("cni", { toml: `${toml}${more}\n` });
    assert.deepEqual([found?.severity, /only pods on the host/.test(found?.detail ?? "")], ["warn", true]);
  }
});

test("without a configuration the default network is told, and what else uses its subnets", async () => {
  await using dir = await tempDir();
  const toml = `root = "${dir.path}"\n[network]\nconf_dir = "${dir.path}/none"\n`;
  const [before] = await findings("cni", { toml });
  assert.deepEqual([before?.severity, /not chosen yet/.test(before?.detail ?? "")], ["ok", true]);
  await mkdir(join(dir.path, "default-network"));
  const keep = (ipv4: string) =>
    writeFile(
      join(dir.path, "default-network/subnets.json"),
      JSON.stringify({ ipv4, ipv6: "fd12:3456:789a:1::/64" }),
    );
  await keep("203.0.113.0/24");
  const [chosen] = await findings("cni", { toml });
  assert.deepEqual([chosen?.severity, /203\.0\.113\.0\/24, fd12:/.test(chosen?.detail ?? "")], ["ok", true]);
  await keep("127.0.0.0/16");
  const [taken] = await findings("cni", { toml });
  assert.deepEqual([taken?.severity, /else uses 127\.0\.0/.test(taken?.detail ?? "")], ["warn", true]);
  await keep("none");
  const [broken] = await findings("cni", { toml });
  assert.deepEqual(
    [broken?.severity, /subnets\.json cannot be understood/.test(broken?.detail ?? "")],
    ["fail", true],
  );
  assert.match(broken?.remedy ?? "", /remove .*default-network/);
  // What only cannot be read now may be whole: pods have addresses of it.
  await rm(join(dir.path, "default-network/subnets.json"));
  await mkdir(join(dir.path, "default-network/subnets.json"));
  const [unread] = await findings("cni", { toml });
  assert.match(unread?.detail ?? "", /^reading the subnets of the default network in .*EISDIR/);
  assert.deepEqual([unread?.severity, /remove/.test(unread?.remedy ?? "")], ["fail", false]);
});

test("a missing conmon is a failure, a missing pause program a warning", async () => {
  const toml =
    '[runtime]\nconmon = "/nonexistent/conmon"\n[sandbox]\npause_program = "/nonexistent/catatonit"\n';
  const found = await findings("programs", { toml });
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ["fail", "warn"],
  );
});

test("a handler whose program is missing is told, and as the default it is a failure", async () => {
  const toml = '[runtime]\ndefault_handler = "vm"\n[runtime.handlers.vm]\npath = "/nonexistent/vm"\n';
  const found = await findings("runtimes", { toml });
  assert.match(found.find(({ title }) => title === "runtime handler vm")?.detail ?? "", /\/nonexistent\/vm/);
  assert.equal(found.at(-1)?.severity, "fail");
});

test("a criu that is missing, or one that works, is told with the handlers that can use it", async () => {
  const [missing] = await findings("checkpoints", { toml: '[runtime]\ncriu = "/nonexistent/criu"\n' });
  assert.deepEqual([missing?.severity, /\/nonexistent\/criu/.test(missing?.detail ?? "")], ["warn", true]);
  await using dir = await tempDir();
  const program = `${dir.path}/criu`;
  await writeFile(program, "#!/bin/sh\n[ $1 = check ] || echo Version: 4.2\n", { mode: 0o755 });
  const [works] = await findings("checkpoints", { toml: `[runtime]\ncriu = "${program}"\n` });
  assert.deepEqual([works?.severity, /runc.* with criu 4\.2 at/.test(works?.detail ?? "")], ["ok", true]);
  await writeFile(program, "#!/bin/sh\n[ $1 = --version ] && echo Version: 4.2; echo Error: no; exit 1\n");
  const [fails] = await findings("checkpoints", { toml: `[runtime]\ncriu = "${program}"\n` });
  assert.match(fails?.detail ?? "", /criu check.*fails on kernel.*no/);
});

test("space is looked at where the root will be, when it is not there yet", async () => {
  await using dir = await tempDir();
  const found = await findings("disks", { toml: `root = "${dir.path}/not/yet"\n` });
  assert.match(found[1]?.title ?? "", /not\/yet/);
  assert.match(found[1]?.detail ?? "", /GiB free/);
});

for (const [status, severity] of [
  [200, "ok"],
  [401, "ok"],
  [404, "warn"],
] as const) {
  test(`a registry that answers ${status} is ${severity}`, async () => {
    const asked: (string | undefined)[] = [];
    await using server = await serveHttp(({ url }, response) => {
      asked.push(url);
      response.writeHead(status).end();
    });
    const found = await findings("registries", { registries: [server.host] });
    assert.deepEqual([found.map((finding) => finding.severity), asked], [[severity], ["/v2/"]]);
  });
}

test("a clock that is far from the registry's is told", async () => {
  await using server = await serveHttp((_, response) => {
    response.writeHead(200, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end();
  });
  const found = await findings("registries", { registries: [server.host] });
  assert.match(found[1]?.detail ?? "", /60 minutes/);
});

test("a registry that cannot be reached is a failure with the reason", async () => {
  const server = await serveHttp(() => {});
  await server[Symbol.asyncDispose]();
  const [found] = await findings("registries", { registries: [server.host] });
  assert.equal(found?.severity, "fail");
  assert.match(found?.detail ?? "", /ECONNREFUSED/);
});

test("clients that speak an HTTP/2 which Node refuses are told apart from newer ones", async () => {
  await using dir = await tempDir();
  const path = process.env.PATH;
  for (const [name, version] of [
    ["kubelet", "Kubernetes v1.30.4"],
    ["crictl", "crictl version v1.31.1"],
  ]) {
    await writeFile(join(dir.path, `${name}`), `#!/bin/sh\necho ${version}\n`);
    await chmod(join(dir.path, `${name}`), 0o755);
  }
  try {
    process.env.PATH = `${dir.path}:${path}`;
    const [kubelet, crictl] = await findings("clients");
    assert.equal(kubelet?.severity, "fail");
    assert.match(kubelet?.detail ?? "", /1\.30.*PROTOCOL_ERROR/);
    assert.deepEqual(crictl, { severity: "ok", title: "crictl", detail: "1.31" });
  } finally {
    process.env.PATH = path;
  }
});

test("an interrupted examination throws the reason", async () => {
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  await assert.rejects(
    runDoctor({ config: parseConfig("", "test"), registries: [] }, controller.signal),
    /enough/,
  );
});

test("the erofs snapshotter is looked at only where it is chosen, and not fit for a root on a tmpfs", async () => {
  const titles = async (toml: string) => (await findings("filesystems", { toml })).map(({ title }) => title);
  assert.ok(!(await titles("")).includes("erofs"));
  assert.ok((await titles('[images]\nsnapshotter = "erofs"')).includes("erofs"));
  await using disk = await smallDisk(1 << 20);
  const toml = (snapshotter: string) => `root = "${disk.path}"\n[images]\nsnapshotter = "${snapshotter}"`;
  const severities = await Promise.all(
    ["erofs", "overlayfs"].map(async (kind) => (await findings("disks", { toml: toml(kind) }))[0]?.severity),
  );
  assert.deepEqual(severities, ["fail", "warn"]);
});

test("fs-verity is looked for only where layers are to have it", async () => {
  await using disk = await smallDisk(1 << 20);
  const toml = (kind: string) =>
    `root = "${disk.path}/berth"\n[images]\nsnapshotter = "${kind}"\nerofs_verity = true`;
  const found = async (kind: string) =>
    (await findings("disks", { toml: toml(kind) })).filter(({ title }) => title.startsWith("fs-verity"));
  assert.deepEqual(await found("overlayfs"), []);
  const [finding] = await found("erofs");
  assert.equal(finding?.severity, "fail");
  assert.match(finding?.remedy ?? "", /tune2fs -O verity/);
});

test("files of trust are looked at where they are configured: a policy, and key providers with their programs", async () => {
  await using directory = await tempDir();
  const at = (name: string) => join(directory.path, name);
  const look = async (toml: string) =>
    (await findings("trust", { toml: `[images]\n${toml}` })).map(
      ({ severity, title, detail }) => `${severity} ${title}: ${detail}`,
    );
  assert.deepEqual(await look(""), []);
  await writeFile(at("policy.json"), '{"default": [{"type": "reject"}]}');
  await writeFile(at("other.json"), '{"default": [{"type": "accept"}]}');
  assert.match((await look(`signature_policy = "${at("policy.json")}"`)).join(), /^ok signature policy: /);
  assert.match(
    (await look(`signature_policy = "${at("other.json")}"`)).join(),
    /^fail signature policy: every pull is rejected: .*unknown type "accept"/,
  );
  const provider = (path: string) => JSON.stringify({ "key-providers": { mine: { cmd: { path } } } });
  const keyProviders = `key_providers = "${at("providers.json")}"`;
  assert.match((await look(keyProviders)).join(), /^warn key providers: .* rejected: .*ENOENT/);
  await writeFile(at("providers.json"), provider("/bin/true"));
  assert.match((await look(keyProviders)).join(), /^ok key providers: /);
  await writeFile(at("providers.json"), provider(at("absent")));
  assert.match((await look(keyProviders)).join(), /^warn key provider "mine": it cannot be started: /);
  const decryptionKeys = `decryption_keys_dir = "${at("keys")}"`;
  assert.match((await look(decryptionKeys)).join(), /^warn decryption keys: .* rejected: .*ENOENT/);
  await mkdir(at("keys"));
  assert.match((await look(decryptionKeys)).join(), /^ok decryption keys: .* has 0 private keys/);
  await writeFile(at("keys/text"), "no key", { mode: 0o600 });
  assert.match((await look(decryptionKeys)).join(), /^warn decryption keys: .*text: is not a private key/);
});
