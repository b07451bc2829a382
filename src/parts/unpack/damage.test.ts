import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { BerthError, type ErrorCode } from "../../ground/errors/index.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { digestOf } from "../oci/index.ts";
import { applyLayer } from "./index.ts";
import { applyBytes, mountedImage, newTarget, pieces } from "./testing/apply.ts";
import {
  entryBytes,
  extension,
  headerBytes,
  type TestEntry,
  tarOf,
  withChecksum,
} from "./testing/tar-bytes.ts";

const refused = (code: ErrorCode, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BerthError, String(error));
  assert.equal(error.code, code, error.message);
  if (message !== undefined) assert.match(error.message, message);
  return true;
};

const tar = tarOf(
  { name: "hello", data: "hello" },
  { name: "noise", data: randomBytes(200_000) },
  { name: "end", data: "end" },
);
const compressions = { gzip: gzipSync(tar), zstd: zstdCompressSync(tar), plain: tar };

async function applied(bytes: Uint8Array, options: Parameters<typeof applyBytes>[2] = {}) {
  await using root = await tempDir();
  const target = await newTarget(join(root.path, "t"));
  const layer = await applyBytes(bytes, target, options);
  return {
    layer,
    names: (await readdir(target.directory)).sort(),
    hello: await readFile(join(target.directory, "hello"), "utf8"),
  };
}

describe("compression is detected from the bytes", () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const half = Math.floor(tar.length / 2);
  const streams: Readonly<Record<string, Buffer>> = {
    ...compressions,
    "gzip in several members": Buffer.concat([gzipSync(tar.subarray(0, half)), gzipSync(tar.subarray(half))]),
    "gzip padded with zeros": Buffer.concat([gzipSync(tar), Buffer.alloc(200_000)]),
    "zstd in several frames, some to be skipped": Buffer.concat([
      skippable,
      zstdCompressSync(tar.subarray(0, half)),
      skippable,
      zstdCompressSync(tar.subarray(half)),
      skippable,
    ]),
    "a tar with more behind its end": Buffer.concat([tar, Buffer.from("more")]),
  };
  for (const [name, bytes] of Object.entries(streams)) {
    for (const pieceBytes of [1000, 1 << 20]) {
      test(`${name}, in pieces of ${pieceBytes} bytes`, async () => {
        const { layer, names, hello } = await applied(bytes, { pieceBytes });
        const plain = name.startsWith("a tar") ? bytes : tar;
        assert.deepEqual(
          [layer.digest, layer.sizeBytes, layer.diffId, layer.unpackedBytes],
          [digestOf(bytes), bytes.length, digestOf(plain), plain.length],
        );
        assert.deepEqual([names, hello], [["end", "hello", "noise"], "hello"]);
      });
    }
  }

  test("an empty layer has no entries, compressed or not", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "t"));
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(1024), gzipSync(Buffer.alloc(0))])
      await applyBytes(bytes, target);
    assert.deepEqual(await readdir(target.directory), []);
  });

  test("pieces may be as small as one byte", async () => {
    const small = gzipSync(tarOf({ name: "hello", data: "hello", pax: { mtime: "1.5" } }));
    assert.deepEqual((await applied(small, { pieceBytes: 1 })).names, ["hello"]);
  });
});

describe("other bytes than those described are DataLoss", () => {
  const expected = (bytes: Uint8Array) => ({ expected: { digest: digestOf(bytes), size: bytes.length } });
  for (const [name, bytes] of Object.entries(compressions)) {
    for (const kept of [3, 600, Math.floor(bytes.length / 2), bytes.length - 1]) {
      test(`${name} cut off after ${kept} bytes`, async () => {
        await assert.rejects(
          applied(bytes.subarray(0, kept), expected(bytes)),
          refused("DataLoss", /truncated/),
        );
      });
    }

    test(`${name} with one byte changed`, async () => {
      const changed = Buffer.from(bytes);
      changed[700] = (changed[700] ?? 0) ^ 0xff;
      await assert.rejects(applied(changed, expected(bytes)), refused("DataLoss", /corrupt/));
    });

    test(`${name} with more bytes than the descriptor declares`, async () => {
      const more = Buffer.concat([bytes, Buffer.alloc(100_000)]);
      await assert.rejects(applied(more, expected(bytes)), refused("DataLoss", /more than/));
    });
  }

  test("a complete layer whose diff id is not the one in the config", async () => {
    const promise = { ...expected(tar).expected, diffId: digestOf("other") };
    await assert.rejects(applied(tar, { expected: promise }), refused("DataLoss", /config lists/));
  });

  test("an archive that was created without the end of its last entry", async () => {
    const cut = tar.subarray(0, 100_000);
    await assert.rejects(applied(gzipSync(cut)), refused("DataLoss", /in the middle of an entry/));
  });
});

describe("malformed archives are rejected", () => {
  const good = entryBytes({ name: "hello", data: "hello" });
  const sized = (size: string): Buffer => {
    const block = headerBytes({ name: "x" }, 0);
    block.write(size, 124, "latin1");
    return withChecksum(block);
  };
  const negative = Buffer.from(headerBytes({ name: "x" }, 0));
  negative.fill(0xff, 124, 136);
  const sparse = (pax: Readonly<Record<string, string>>, data = ""): Buffer =>
    entryBytes({ name: "s", data, pax });
  const archives: Readonly<Record<string, Buffer>> = {
    "text that is no archive": Buffer.from("no archive at all ".repeat(100)),
    "a wrong checksum": Buffer.concat([good, Buffer.from(headerBytes({ name: "x" }, 0)).fill("7", 148, 152)]),
    "a block of zeros before more": Buffer.concat([good, Buffer.alloc(512), good]),
    "a size that is no number": sized("12x45678901"),
    "a negative size": withChecksum(negative),
    "a size beyond all numbers": withChecksum(
      Buffer.from(negative).fill(0x7f, 125, 136).fill(0x80, 124, 125),
    ),
    "an extended header of 2 MiB": extension("x", Buffer.alloc(2 << 20, "a")),
    "an extended header of 20,000 records": extension("x", Buffer.from("6 a=b\n".repeat(20_000))),
    "a PAX record longer than its header": extension("x", Buffer.from("99 path=x\n")),
    "a PAX record without a length": extension("x", Buffer.from("path=x\n")),
    "a PAX record without an equals sign": extension("x", Buffer.from("8 pathx\n")),
    "a PAX size that is no number": entryBytes({ name: "x", pax: { size: "-1" } }),
    "a PAX time that is no time": entryBytes({ name: "x", pax: { mtime: "yesterday" } }),
    "a sparse map out of order": sparse({ "GNU.sparse.map": "5,1,0,1", "GNU.sparse.size": "10" }, "ab"),
    "a sparse map larger than its file": sparse({ "GNU.sparse.map": "5,2", "GNU.sparse.size": "6" }, "ab"),
    "a sparse map of other data": sparse({ "GNU.sparse.map": "0,1", "GNU.sparse.size": "6" }, "ab"),
    "a sparse map with half a pair": sparse({ "GNU.sparse.map": "0", "GNU.sparse.size": "6" }, "ab"),
    "a sparse map with no numbers": sparse(
      { "GNU.sparse.major": "1", "GNU.sparse.realsize": "6" },
      "x".repeat(512),
    ),
    "a sparse map of endless extents": sparse(
      { "GNU.sparse.major": "1", "GNU.sparse.realsize": "6" },
      `99999999\n${"0\n".repeat(400)}`,
    ),
  };
  for (const [name, archive] of Object.entries(archives)) {
    test(name, async () => {
      await assert.rejects(applied(Buffer.concat([archive, Buffer.alloc(1024)])), refused("InvalidArgument"));
    });
  }
});

/** Numbers that are the same in every run (mulberry32). */
function* seeded(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

test("archives with random damage are applied or rejected, and nothing else happens", async () => {
  const random = seeded(42);
  const upTo = (limit: number): number => Math.floor(random.next().value * limit);
  const entries: TestEntry[] = [
    { name: "d", type: "5", mode: 0o755 },
    { name: "d/file", data: "x".repeat(1500), pax: { mtime: "12.5", "SCHILY.xattr.user.k": "v" } },
    { name: "d/link", type: "2", link: "../../outside" },
    { name: "d/hard", type: "1", link: "d/file" },
    { name: `d/${"long/".repeat(30)}name`, data: "y" },
    { name: "d/.wh.gone" },
    { name: "d/sparse", data: "ab", pax: { "GNU.sparse.map": "5,2", "GNU.sparse.size": "9" } },
  ];
  const whole = tarOf(...entries);
  await using root = await tempDir();
  for (let round = 100; round < 400; round++) {
    const damaged = Buffer.from(whole);
    for (let change = upTo(4); change >= 0; change--) {
      const block = upTo(whole.length / 512) * 512;
      damaged[block + upTo(512)] = upTo(256);
      if (upTo(4) > 0) withChecksum(damaged.subarray(block, block + 512));
    }
    const refusedWell = (error: unknown): ErrorCode => {
      assert.ok(error instanceof BerthError && error.code !== "Internal", `round ${round}: ${String(error)}`);
      return error.code;
    };
    const forms = [await newTarget(join(root.path, `${round}0`), upTo(2) === 0 ? "overlayfs" : "remove")];
    const image = { form: "image", directory: join(root.path, `${round}1`) } as const;
    const outcomes: string[] = [];
    for (const target of [...forms, image])
      outcomes.push(await applyBytes(damaged, target).then(({ diffId }) => diffId, refusedWell));
    assert.equal(outcomes[0], outcomes[1], `round ${round}`);
    if (outcomes[1]?.startsWith("sha256:")) {
      await using _mount = await mountedImage(image.directory, join(root.path, `${round}2`));
      await readdir(join(root.path, `${round}2`), { recursive: true, encoding: "latin1" });
    }
  }
  const names = (await readdir(root.path)).filter((name) => !/^[0-9]+$/.test(name));
  assert.deepEqual(names, []);
});

describe("limits", () => {
  test("a full disk is ResourceExhausted", async () => {
    await using disk = await smallDisk(1 << 20);
    const target = await newTarget(join(disk.path, "t"));
    const large = gzipSync(
      tarOf({ name: "small", data: "x" }, { name: "large", data: Buffer.alloc(4 << 20) }),
    );
    await assert.rejects(applyBytes(large, target), refused("ResourceExhausted", /large/));
    const image = { form: "image", directory: join(disk.path, "image") } as const;
    await assert.rejects(applyBytes(large, image), refused("ResourceExhausted", /archive/));
  });

  const none = { maxBytes: 0, maxFiles: 0, minFreePercent: 0 };
  const bomb = gzipSync(tarOf({ name: "hello" }, { name: "zeros", data: Buffer.alloc(40 << 20) }));

  test("a layer that unpacks to more than is allowed is rejected by name, however small it is compressed", async () => {
    assert.ok(bomb.length < 60_000);
    const wanted = new RegExp(
      `^layer ${digestOf(bomb)} has more than 1048576 bytes when it is unpacked \\(images\\.max_layer_bytes`,
    );
    const limits = { ...none, maxBytes: 1 << 20 };
    await assert.rejects(applied(bomb, { limits }), refused("ResourceExhausted", wanted));
    assert.deepEqual((await applied(bomb, { limits: none })).names, ["hello", "zeros"]);
  });

  test("a layer with more files than are allowed is rejected, even if none of them is written", async () => {
    await using root = await tempDir();
    const many = gzipSync(tarOf(...Array.from({ length: 50 }, (_, index) => ({ name: `file${index}` }))));
    const image = { form: "image", directory: join(root.path, "image") } as const;
    const wanted = refused("ResourceExhausted", /has more than 49 files \(images\.max_layer_files/);
    for (const target of [await newTarget(join(root.path, "t")), image])
      await assert.rejects(applyBytes(many, target, { limits: { ...none, maxFiles: 49 } }), wanted);
    await applyBytes(many, await newTarget(join(root.path, "all")), { limits: { ...none, maxFiles: 50 } });
  });

  test("unpacking stops before it uses the space that is kept free, in bytes or in inodes", async () => {
    await using disk = await smallDisk(64 << 20);
    const limits = { ...none, minFreePercent: 50 };
    const wanted = refused(
      "ResourceExhausted",
      /is too large for this machine: .* fewer than 33554432 bytes free, 50% of it \(images\.min_free_percent/,
    );
    const image = { form: "image", directory: join(disk.path, "image") } as const;
    for (const target of [await newTarget(join(disk.path, "t")), image]) {
      await assert.rejects(applyBytes(bomb, target, { limits }), wanted);
      await rm(target.directory, { recursive: true });
    }
    // The target may be the root of a separate file system.
    await assert.rejects(applyBytes(bomb, { directory: disk.path, whiteouts: "remove" }, { limits }), wanted);
    await rm(join(disk.path, "zeros"));
    await applyBytes(bomb, await newTarget(join(disk.path, "all")), { limits: none });

    await using few = await smallDisk(64 << 20, 100);
    const used = tarOf(...Array.from({ length: 60 }, (_, index) => ({ name: `file${index}` })));
    await applyBytes(used, await newTarget(join(few.path, "first")), { limits });
    const next = applyBytes(tar, await newTarget(join(few.path, "second")), { limits });
    await assert.rejects(next, refused("ResourceExhausted", /fewer than 50 inodes free, 50% of it/));
  });
});

describe("a cancelled layer", () => {
  test("ends with the signal's reason while it waits for bytes", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "t"));
    for (const head of [tar.subarray(0, 5000), compressions.gzip.subarray(0, 5000)]) {
      const stop = new AbortController();
      async function* stuck(): AsyncGenerator<Uint8Array> {
        yield head;
        setImmediate(() => stop.abort(new Error("enough")));
        await new Promise(() => {});
      }
      const options = { target, expected: { digest: digestOf(tar), size: tar.length }, signal: stop.signal };
      await assert.rejects(applyLayer(stuck(), options), /enough/);
    }
  });

  test("ends with the source's error", async () => {
    await using root = await tempDir();
    const target = await newTarget(join(root.path, "t"));
    for (const bytes of [tar, compressions.gzip]) {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* pieces(bytes.subarray(0, 5000), 1000);
        throw new Error("connection lost");
      }
      await assert.rejects(
        applyLayer(broken(), { target, expected: { digest: digestOf(tar), size: tar.length } }),
        /connection lost/,
      );
    }
  });
});
