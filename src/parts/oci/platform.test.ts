import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Descriptor, matchPlatform, mediaType, type Platform, parseDigest, runsOn } from "./index.ts";

function platform(text: string): Platform {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
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

  test("takes an unknown architecture only for itself", () => {
    assert.deepEqual(order("linux/riscv64", ["linux/amd64", "linux/riscv64"]), ["linux/riscv64"]);
    assert.equal(runsOn(platform("linux/s390x"), platform("linux/amd64")), false);
  });
});
