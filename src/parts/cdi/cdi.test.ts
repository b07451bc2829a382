import assert from "node:assert/strict";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { CdiDevices } from "./index.ts";

const specOf = (changes: object = {}) => ({
  cdiVersion: "1.1.0",
  kind: "vendor.com/gpu",
  containerEdits: { env: ["ALL=1"] },
  devices: [
    { name: "0", containerEdits: { env: ["DEVICE=0"] } },
    { name: "1", containerEdits: { env: ["DEVICE=1"] } },
  ],
  ...changes,
});

/** Two directories, the second before the first, and the devices in them. */
async function directories() {
  const directory = await tempDir();
  const [low, high] = [join(directory.path, "low"), join(directory.path, "high")];
  await Promise.all([mkdir(low), mkdir(high)]);
  const devices = new CdiDevices([low, high, join(directory.path, "none")]);
  const write = (path: string, spec: unknown) =>
    writeFile(path, typeof spec === "string" ? spec : JSON.stringify(spec));
  const env = async (...names: readonly string[]) =>
    (await devices.edits(names, {})).flatMap((edits) => edits.env);
  return { ...directory, low, high, devices, write, env };
}

describe("CDI devices", () => {
  test("bring their spec's edits once, before their own, each device once", async () => {
    await using at = await directories();
    await at.write(join(at.low, "gpu.json"), specOf());
    const [zero, one] = ["vendor.com/gpu=0", "vendor.com/gpu=1"];
    assert.deepEqual(await at.env(one, zero, one), ["ALL=1", "DEVICE=1", "DEVICE=0"]);
    assert.deepEqual(await at.env(), []);
  });

  test("are asked for by annotations too", async () => {
    await using at = await directories();
    await at.write(join(at.low, "gpu.json"), specOf());
    const annotations = {
      "cdi.k8s.io/plugin_b": "vendor.com/gpu=1,vendor.com/gpu=0",
      "cdi.k8s.io/plugin_a": "vendor.com/gpu=0",
      "example.com/other": "vendor.com/gpu=7",
    };
    const edits = await at.devices.edits([], annotations);
    assert.deepEqual(
      edits.flatMap(({ env }) => env),
      ["ALL=1", "DEVICE=0", "DEVICE=1"],
    );
  });

  test("are described in YAML as in JSON, where a mode that begins with 0 is octal", async () => {
    await using at = await directories();
    const yaml = `
cdiVersion: "0.7.0"
kind: vendor.com/nic
devices:
  - name: eth
    containerEdits:
      deviceNodes:
        - path: /dev/nic
          fileMode: 0640
          permissions: r
      additionalGids: [44, 0]
`;
    await at.write(join(at.low, "nic.yaml"), yaml);
    const [, edits] = await at.devices.edits(["vendor.com/nic=eth"], {});
    assert.deepEqual(edits?.additionalGids, [44, 0]);
    const [node] = edits?.deviceNodes ?? [];
    assert.deepEqual(
      [node?.path, node?.hostPath, node?.fileMode, node?.permissions],
      ["/dev/nic", "/dev/nic", 0o640, "r"],
    );
  });

  test("of a later directory go before those of an earlier one, and two of one directory are none", async () => {
    await using at = await directories();
    const zero = "vendor.com/gpu=0";
    const high = specOf({ containerEdits: {} });
    await at.write(join(at.low, "gpu.json"), specOf());
    await at.write(join(at.high, "gpu.json"), high);
    assert.deepEqual(await at.env(zero), ["DEVICE=0"]);
    await at.write(join(at.high, "twin.json"), high);
    await assert.rejects(at.env(zero), {
      code: "FailedPrecondition",
      message: /vendor\.com\/gpu=0 is defined twice, by .*gpu\.json and .*twin\.json/,
    });
  });

  test("are those of the files as they are now", async () => {
    await using at = await directories();
    const [zero, file] = ["vendor.com/gpu=0", join(at.low, "gpu.json")];
    await assert.rejects(at.env(zero), { message: /vendor\.com\/gpu=0 is not defined by any spec$/ });
    await at.write(file, specOf());
    assert.deepEqual(await at.env(zero), ["ALL=1", "DEVICE=0"]);
    await at.write(`${file}.new`, specOf({ containerEdits: { env: ["ALL=2"] } }));
    await rename(`${file}.new`, file);
    assert.deepEqual(await at.env(zero), ["ALL=2", "DEVICE=0"]);
    await rm(file);
    await assert.rejects(at.env(zero), { code: "FailedPrecondition" });
  });

  test("have names of a vendor, a class and a device", async () => {
    await using at = await directories();
    for (const name of [
      "gpu",
      "vendor.com/gpu",
      "vendor.com/gpu=",
      "/gpu=0",
      "a/b/c=0",
      "9.com/gpu=0",
      "v/g=-0",
    ])
      await assert.rejects(at.env(name), {
        code: "InvalidArgument",
        message: /is not the name of a CDI device/,
      });
  });
});

describe("a CDI spec is not taken, and says why,", () => {
  const edits = (containerEdits: object, cdiVersion = "1.1.0") => specOf({ cdiVersion, containerEdits });
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ["that is no JSON", "{", /JSON/],
    [
      "of a version that there is not",
      specOf({ cdiVersion: "2.0.0" }),
      /cdiVersion: expected a version of CDI/,
    ],
    ["of a kind that is none", specOf({ kind: "gpu" }), /kind: expected vendor\.com\/class/],
    ["without devices", specOf({ devices: [] }), /devices: expected at least one device/],
    ["with an unknown field", specOf({ extra: 1 }), /no "extra"/],
    ["with an unknown edit", edits({ environment: [] }), /no "environment"/],
    ["with a variable that is none", edits({ env: ["=x"] }), /env\[0\]: expected NAME=VALUE/],
    [
      "with permissions that are none",
      edits({ deviceNodes: [{ path: "/dev/x", permissions: "x" }] }),
      /permissions: expected a combination of r, w and m/,
    ],
    [
      "with a hook that no OCI runtime knows",
      edits({ hooks: [{ hookName: "later", path: "/bin/true" }] }),
      /hookName: expected one of prestart/,
    ],
    [
      "with a hook of a relative path",
      edits({ hooks: [{ hookName: "poststop", path: "true" }] }),
      /path: expected an absolute path/,
    ],
    ["whose CLOS leads elsewhere", edits({ intelRdt: { closID: ".." } }), /closID: expected a file's name/],
    [
      "that uses what is newer than its version",
      edits({ additionalGids: [1] }, "0.6.0"),
      /declares version 0\.6\.0, but uses features of version 0\.7\.0/,
    ],
  ];
  for (const [title, spec, message] of cases) {
    test(title, async () => {
      await using at = await directories();
      await at.write(join(at.low, "gpu.json"), spec);
      await assert.rejects(at.env("vendor.com/gpu=0"), { code: "FailedPrecondition", message });
    });
  }
});
