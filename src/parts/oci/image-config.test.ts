import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OciFormatError, parseDigest, parseImageConfig } from "./index.ts";

const a = parseDigest(`sha256:${"a".repeat(64)}`);
const b = parseDigest(`sha256:${"b".repeat(64)}`);

function parse(value: unknown): ReturnType<typeof parseImageConfig> {
  return parseImageConfig(Buffer.from(JSON.stringify(value)));
}

describe("parseImageConfig", () => {
  test("reads what a container needs", () => {
    const image = parse({
      created: "2024-01-02T03:04:05Z",
      os: "linux",
      architecture: "amd64",
      config: {
        User: "1000:1000",
        ExposedPorts: { "80/tcp": {} },
        Env: ["PATH=/bin"],
        Entrypoint: ["/bin/sh", "-c"],
        Cmd: ["true"],
        Volumes: { "/data": {} },
        WorkingDir: "/",
        Labels: { a: "b", __proto__x: "c" },
        StopSignal: "SIGQUIT",
      },
      rootfs: { type: "layers", diff_ids: [a, b] },
    });
    assert.deepEqual(image.config.entrypoint, ["/bin/sh", "-c"]);
    assert.deepEqual(image.config.exposedPorts, ["80/tcp"]);
    assert.deepEqual(image.config.volumes, ["/data"]);
    assert.equal(image.config.stopSignal, "SIGQUIT");
    assert.equal(image.created, "2024-01-02T03:04:05Z");
    assert.deepEqual(image.diffIds, [a, b]);
  });

  test("takes what is missing or null for empty", () => {
    const image = parse({
      os: "linux",
      architecture: "amd64",
      config: { Env: null, Cmd: null, Labels: null },
      rootfs: {},
    });
    assert.deepEqual(image.config.env, []);
    assert.deepEqual(image.config.labels, {});
    assert.deepEqual(image.diffIds, []);
    assert.equal(parse({ os: "linux", architecture: "amd64" }).config.user, "");
  });

  test("finds keys in any case of letters, and takes null for empty text, as Go's readers do", () => {
    const config = {
      env: ["A=b", null],
      CMD: ["run"],
      labels: { a: null },
      stopsignal: "SIGQUIT",
      workingdir: "/here",
      WorkingDir: "/there",
    };
    const image = parse({ OS: "linux", Config: config, RootFS: { diff_ids: [a] } });
    assert.equal(image.platform.os, "linux");
    assert.deepEqual([image.config.env, image.config.cmd, image.diffIds], [["A=b", ""], ["run"], [a]]);
    assert.deepEqual([image.config.labels, image.config.stopSignal], [{ a: "" }, "SIGQUIT"]);
    assert.equal(image.config.workingDir, "/there");
    assert.throws(() => parse({ config: { env: [1] } }), /image config\.config\.Env\[0\]: expected a string/);
  });

  test("takes several spellings of a key as Go's readers do: objects joined, null no text, of others the last", () => {
    const image = parse({
      config: { Env: ["A=1"], User: "1", user: null, Labels: { a: "1", b: "1" }, labels: { b: "2" } },
      Config: { env: ["B=1"], Cmd: ["run"], cmd: null, Volumes: { "/a": {} }, volumes: null },
      RootFS: null,
      rootfs: { diff_ids: [a] },
      ROOTFS: { Diff_IDs: [b] },
    });
    const { env, user, labels, cmd, volumes } = image.config;
    assert.deepEqual([env, user, labels, cmd, volumes], [["B=1"], "1", { a: "1", b: "2" }, [], []]);
    assert.deepEqual(image.diffIds, [b]);
    assert.throws(() => parse({ config: {}, Config: "none" }), /image config\.config: expected an object/);
  });

  test("refuses values of the wrong type, with their place", () => {
    assert.throws(() => parse({ config: { Env: [1] } }), /image config\.config\.Env\[0\]: expected a string/);
    assert.throws(() => parse({ rootfs: { diff_ids: ["nonsense"] } }), OciFormatError);
    assert.throws(() => parse({ config: { Labels: { a: {} } } }), /Labels\.a/);
  });
});
