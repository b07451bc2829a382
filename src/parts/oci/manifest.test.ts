import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mediaType, OciFormatError, parseIndex, parseManifest } from "./index.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const layer = { mediaType: mediaType.ociLayerGzip, digest, size: 10 };
const config = { mediaType: mediaType.ociConfig, digest, size: 2 };
const manifest = { schemaVersion: 2, mediaType: mediaType.ociManifest, config, layers: [layer] };

function bytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function refuses(value: unknown, why: RegExp): void {
  assert.throws(
    () => parseManifest(bytes(value), mediaType.ociManifest),
    (error) => error instanceof OciFormatError && why.test(error.message),
  );
}

describe("parseManifest", () => {
  test("reads a manifest, and ignores keys it does not know", () => {
    assert.deepEqual(parseManifest(bytes({ ...manifest, extra: true }), mediaType.ociManifest), manifest);
  });

  test("takes the media type it was served under when none is written, or that of the other specification", () => {
    const { mediaType: _, ...rest } = manifest;
    assert.equal(parseManifest(bytes(rest), mediaType.dockerManifest).mediaType, mediaType.dockerManifest);
    assert.deepEqual(parseManifest(bytes(manifest), mediaType.dockerManifest).layers, [layer]);
  });

  test("takes null for what is empty, as Go writes it", () => {
    assert.deepEqual(
      parseManifest(bytes({ ...manifest, layers: null, annotations: null }), mediaType.ociManifest).layers,
      [],
    );
  });

  test("says where the fault stands", () => {
    refuses(
      { ...manifest, layers: [layer, { ...layer, digest: 3 }] },
      /manifest\.layers\[1\]\.digest: expected a string, got 3/,
    );
    refuses({ ...manifest, layers: [{ ...layer, size: -1 }] }, /manifest\.layers\[0\]\.size/);
    refuses({ ...manifest, layers: [{ ...layer, size: 1e300 }] }, /manifest\.layers\[0\]\.size/);
    refuses({ ...manifest, config: undefined }, /manifest\.config/);
    refuses([], /manifest: expected an object/);
  });

  test("refuses a document that is a manifest and an index at once", () => {
    refuses({ ...manifest, manifests: [] }, /manifest\.manifests/);
    assert.throws(
      () => parseIndex(bytes({ ...manifest, mediaType: mediaType.ociIndex }), mediaType.ociIndex),
      /index\.config/,
    );
  });

  test("refuses another media type within than the one it was served under", () => {
    refuses({ ...manifest, mediaType: mediaType.dockerManifestList }, /manifest\.mediaType/);
  });

  test("explains that schema 1 is not supported", () => {
    refuses({ schemaVersion: 1, name: "a" }, /schema 1 is not supported/);
  });

  test("refuses what is not JSON", () => {
    assert.throws(() => parseManifest(Buffer.from("<html>"), mediaType.ociManifest), /not JSON/);
    assert.throws(() => parseManifest(Buffer.from([0x22, 0xff, 0x22]), mediaType.ociManifest), /not JSON/);
  });
});

describe("parseIndex", () => {
  test("reads platforms and annotations", () => {
    const entry = {
      mediaType: mediaType.ociManifest,
      digest,
      size: 5,
      platform: { os: "linux", architecture: "arm64", variant: "v8", features: ["x"] },
      annotations: { a: "b" },
    };
    const index = parseIndex(bytes({ schemaVersion: 2, manifests: [entry] }), mediaType.ociIndex);
    assert.deepEqual(index.manifests[0]?.platform, { os: "linux", architecture: "arm64", variant: "v8" });
    assert.deepEqual(index.manifests[0]?.annotations, { a: "b" });
  });
});
