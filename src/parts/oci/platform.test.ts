import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Descriptor,
  formatPlatform,
  matchPlatform,
  mediaType,
  type Platform,
  parseDigest,
  parsePlatform,
  runsOn,
} from "./index.ts";

function platform(text: string): Platform {
  const [os = "", architecture = "", variant] = text.split("/");
  const [name = "", features] = os.split("(+");
  return {
    os: name,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(features === undefined ? {} : { "os.features": features.slice(0, -1).split("+") }),
  };
}

function entry(text: string | undefined, number: number): Descriptor {
  const digest = parseDigest(`sha256:${number.toString(16).padStart(64, "0")}`);
  const base = { mediaType: mediaType.ociManifest, digest, size: 1 };
  return text === undefined ? base : { ...base, platform: platform(text) };
}

function order(host: string, offered: readonly (string | undefined)[]): readonly (string | undefined)[] {
  const entries = offered.map(entry);
  return matchPlatform(entries, platform(host)).map((descriptor) => offered[entries.indexOf(descriptor)]);
}

describe("matchPlatform", () => {
  test("takes the host's own platform, then what it also runs", () => {
    assert.deepEqual(order("linux/amd64", ["linux/arm64", "linux/386", "linux/amd64", "windows/amd64"]), [
      "linux/amd64",
      "linux/386",
    ]);
  });

  test("prefers the newest variant that the host has", () => {
    assert.deepEqual(
      order("linux/amd64/v3", ["linux/amd64", "linux/amd64/v4", "linux/amd64/v2", "linux/amd64/v3"]),
      ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"],
    );
    assert.deepEqual(order("linux/amd64", ["linux/amd64/v2", "linux/amd64/v1"]), ["linux/amd64/v1"]);
    assert.deepEqual(
      order("linux/arm64", ["linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "linux/arm64/v9"]),
      ["linux/arm64/v8", "linux/arm/v7", "linux/arm/v5"],
    );
    assert.deepEqual(order("linux/arm/v6", ["linux/arm/v7", "linux/arm/v6", "linux/arm"]), ["linux/arm/v6"]);
  });

  test("puts entries without a platform last, and leaves out attestations", () => {
    assert.deepEqual(order("linux/amd64", [undefined, "unknown/unknown", "linux/amd64"]), [
      "linux/amd64",
      undefined,
    ]);
  });

  test("keeps the index's order among equals, and knows other spellings", () => {
    assert.deepEqual(order("linux/x86_64", ["linux/amd64/v1", "linux/amd64"]), [
      "linux/amd64/v1",
      "linux/amd64",
    ]);
    assert.deepEqual(order("linux/amd64", ["Linux/x86_64"]), ["Linux/x86_64"]);
  });

  test("takes what needs features of the host only where all are there, and then first", () => {
    const offered = ["linux(+erofs)/amd64", "linux/amd64", "linux(+erofs+other)/amd64"];
    assert.deepEqual(order("linux/amd64", offered), ["linux/amd64"]);
    assert.deepEqual(order("linux(+erofs)/amd64", offered), ["linux(+erofs)/amd64", "linux/amd64"]);
    assert.equal(runsOn(platform("linux(+erofs)/amd64"), platform("linux/amd64")), false);
    assert.equal(runsOn(platform("linux(+erofs)/386"), platform("linux(+erofs)/amd64/v2")), true);
  });

  test("takes an unknown architecture only for itself", () => {
    assert.deepEqual(order("linux/riscv64", ["linux/amd64", "linux/riscv64"]), ["linux/riscv64"]);
    assert.equal(runsOn(platform("linux/s390x"), platform("linux/amd64")), false);
  });
});

test("platforms are written and read with the features that they need", () => {
  for (const text of ["linux/amd64", "linux/arm/v6", "linux(+erofs)/amd64", "linux(+a+erofs)/arm64/v9"])
    assert.equal(formatPlatform(parsePlatform(text)), text);
  assert.deepEqual(parsePlatform("linux(+erofs)/x86_64"), platform("linux(+erofs)/amd64"));
  for (const text of ["linux()/amd64", "linux(+)/amd64", "linux(erofs)/amd64", "(+erofs)/amd64"])
    assert.throws(() => parsePlatform(text), /invalid platform/);
});
