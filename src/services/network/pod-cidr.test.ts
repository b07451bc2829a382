import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { recorder, TestNetwork } from "./testing/test-network.ts";

const limit = { timeout: 60_000 };

const dualStack = `{{- /* as clusters write it */ -}}
{
  "name": "pods", "cniVersion": "1.0.0",
  "plugins": [{
    "type": "plain",
    "first": "{{.PodCIDR}}",
    "ranges": [{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}],
    "routes": [ {{- range $i, $route := .Routes -}} {{if $i}}, {{end}}{"dst": "{{$route}}"} {{- end -}} ],
    "list": "{{range .PodCIDRRanges}}<{{.}}>{{end}}"
  }]
}`;

async function templated(template: string): Promise<TestNetwork> {
  const rig = await TestNetwork.open();
  await rig.plugin("plain", recorder());
  await writeFile(`${rig.root}/template`, template);
  await rig.restart({ confTemplate: `${rig.root}/template` });
  return rig;
}

test("the pod CIDR is rendered into a configuration, which is then in use", limit, async () => {
  await using rig = await templated(dualStack);
  await rig.network.setPodCidr("10.4.0.0/24, fd04::/64");
  assert.deepEqual(rig.network.status(), { kind: "ready" });
  const text = await readFile(`${rig.options.confDir}/10-berth-net.conflist`, "utf8");
  const [plugin] = JSON.parse(text).plugins;
  assert.deepEqual(plugin, {
    type: "plain",
    first: "10.4.0.0/24",
    ranges: [[{ subnet: "10.4.0.0/24" }], [{ subnet: "fd04::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    list: "<10.4.0.0/24><fd04::/64>",
  });
});

test("another CIDR replaces the configuration", limit, async () => {
  await using rig = await templated(dualStack);
  await rig.network.setPodCidr("10.4.0.0/24");
  await rig.network.setPodCidr("10.5.0.0/24");
  assert.match(await readFile(`${rig.options.confDir}/10-berth-net.conflist`, "utf8"), /10\.5\.0\.0/);
  assert.deepEqual(await readdir(rig.options.confDir), ["10-berth-net.conflist"]);
});

test("somebody else's configuration is kept", limit, async () => {
  await using rig = await templated(dualStack);
  await rig.configure(
    { cniVersion: "1.0.0", name: "theirs", plugins: [{ type: "plain" }] },
    "50-theirs.conflist",
  );
  await rig.network.setPodCidr("10.4.0.0/24");
  assert.deepEqual(await readdir(rig.options.confDir), ["50-theirs.conflist"]);
});

test("without a template, the CIDR has no effect", limit, async () => {
  await using rig = await TestNetwork.open();
  await rig.network.setPodCidr("10.4.0.0/24");
  assert.equal(rig.network.status().kind, "notReady");
});

test("an invalid address range is rejected", limit, async () => {
  await using rig = await templated(dualStack);
  for (const cidr of ["10.4.0.0", "10.4.0.0/33", 'a"/8', "", "10.4.0.0/24,,"]) {
    await assert.rejects(rig.network.setPodCidr(cidr), { code: "InvalidArgument" }, cidr);
  }
});

const broken = [
  { template: "{{if eq .PodCIDR 1}}{{end}}", message: /\{\{if eq \.PodCIDR 1\}\} is not understood/ },
  { template: "{{range .PodCIDRRanges}}", message: /\{\{range \.PodCIDRRanges\}\} is not closed/ },
  { template: "{{end}}", message: /closes nothing/ },
  { template: "{{.PodCidr}}", message: /unknown field \.PodCidr/ },
  { template: "{{range .PodCIDR}}{{end}}", message: /\.PodCIDR is not a list/ },
  { template: "{}", message: /does not render a valid CNI configuration/ },
];

for (const { template, message } of broken) {
  test(`the template ${template} is rejected, and nothing is written`, limit, async () => {
    await using rig = await templated(template);
    await assert.rejects(rig.network.setPodCidr("10.4.0.0/24"), { code: "FailedPrecondition", message });
    assert.deepEqual(await readdir(rig.options.confDir), []);
  });
}
