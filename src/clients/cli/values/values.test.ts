import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKind } from "../objects/kind-names.ts";
import { parseDuration } from "./duration.ts";
import { parseEnv } from "./key-values.ts";
import { parsePort } from "./ports.ts";
import { parseSize } from "./size.ts";
import { parseUser } from "./user.ts";
import { parseVolume } from "./volume.ts";

test("durations have units, and bare numbers are seconds", () => {
  const texts = ["0", "90", "1.5s", "500ms", "1h30m", "2d", "1.5d6h"];
  assert.deepEqual(
    texts.map((text) => parseDuration(text, "--timeout")),
    [0, 90_000, 1500, 500, 5_400_000, 172_800_000, 151_200_000],
  );
});

test("sizes are in powers of 1024", () => {
  const texts = ["1048576", "512m", "1.5G", "64Mi", "2kb"];
  assert.deepEqual(
    texts.map((text) => parseSize(text, "--memory")),
    [1_048_576n, 536_870_912n, 1_610_612_736n, 67_108_864n, 2048n],
  );
});

test("a port may have an address and a protocol", () => {
  assert.deepEqual(parsePort("8080:80"), { hostPort: 8080, containerPort: 80, protocol: "TCP" });
  assert.deepEqual(parsePort("[::1]:53:5353/udp"), {
    hostIP: "::1",
    hostPort: 53,
    containerPort: 5353,
    protocol: "UDP",
  });
});

test("a volume may be read-only and shared", () => {
  assert.deepEqual(parseVolume("/srv:/data:ro,rslave"), {
    hostPath: "/srv",
    mount: { mountPath: "/data", readOnly: true, mountPropagation: "HostToContainer" },
  });
  assert.equal(parseVolume("./here:/data").hostPath, `${process.cwd()}/here`);
});

test("a user is a number or a name, a group is a number", () => {
  assert.deepEqual(parseUser("1000:100"), { runAsUser: 1000, runAsGroup: 100 });
  assert.deepEqual(parseUser("nobody"), { username: "nobody" });
});

test("an environment variable without a value is taken from our environment, if it is set there", () => {
  // The last is a property that every object of JavaScript has.
  assert.deepEqual(parseEnv(["HOME", "A==b", "UNSET", "constructor"], { HOME: "/root" }), [
    { name: "HOME", value: "/root" },
    { name: "A", value: "=b" },
  ]);
});

const wrong: readonly [string, () => unknown][] = [
  ["soon", () => parseDuration("soon", "--timeout")],
  ["-1s", () => parseDuration("-1s", "--timeout")],
  ["1h2d", () => parseDuration("1h2d", "--timeout")],
  ["much", () => parseSize("much", "--memory")],
  ["80", () => parsePort("80")],
  ["0:80", () => parsePort("0:80")],
  ["1:99999", () => parsePort("1:99999")],
  ["999.1.1.1:80:80", () => parsePort("999.1.1.1:80:80")],
  ["80:80/icmp", () => parsePort("80:80/icmp")],
  // A property that every object of JavaScript has.
  ["80:80/constructor", () => parsePort("80:80/constructor")],
  ["/srv:/data:constructor", () => parseVolume("/srv:/data:constructor")],
  ["constructor", () => parseKind("constructor")],
  ["/srv", () => parseVolume("/srv")],
  ["data:/data", () => parseVolume("data:/data")],
  ["/srv:data", () => parseVolume("/srv:data")],
  ["/srv:/data:rw,exec", () => parseVolume("/srv:/data:rw,exec")],
  ["1:staff", () => parseUser("1:staff")],
  ["=x", () => parseEnv(["=x"], {})],
];
for (const [text, parse] of wrong) {
  test(`${JSON.stringify(text)} is refused as a usage error that quotes it`, () => {
    assert.throws(
      parse,
      (error: Error & { exitCode?: number }) => error.exitCode === 2 && error.message.includes(text),
    );
  });
}
