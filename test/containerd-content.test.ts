import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { type ClientDuplexStream, type Metadata, status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import type { ContainerdClients } from "./support/containerd.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { WriteAction, WriteContentRequest } = containerd.contentV1;
const { STAT, WRITE, COMMIT } = WriteAction;
type Request = containerd.contentV1.WriteContentRequest;
type Response = containerd.contentV1.WriteContentResponse;

const digestOf = (...pieces: readonly Buffer[]) =>
  `sha256:${createHash("sha256").update(Buffer.concat(pieces)).digest("hex")}`;

/** One stream of Content.Write, a message at a time. */
class Writing {
  readonly #stream: ClientDuplexStream<Request, Response>;
  readonly #answers: AsyncIterator<Response>;

  constructor(raw: ContainerdClients, namespace: string, lease?: string) {
    const { raw: clients, metadata } = raw.in(namespace, lease);
    this.#stream = (clients.content.write as (metadata: Metadata) => ClientDuplexStream<Request, Response>)(
      metadata,
    );
    this.#stream.on("error", () => undefined);
    this.#answers = this.#stream[Symbol.asyncIterator]();
  }

  async ask(request: Partial<Request>): Promise<Response> {
    this.#stream.write(WriteContentRequest.fromPartial(request));
    const { value, done } = await this.#answers.next();
    assert.ok(done !== true, "the stream ended without an answer");
    return value;
  }

  /** Ends the client's side, and waits for the end. */
  async end(): Promise<void> {
    this.#stream.end();
    while ((await this.#answers.next()).done !== true);
  }

  vanish(): void {
    this.#stream.cancel();
  }
}

describe("containerd's API of content", () => {
  const host = withContainerd();

  const put = async (namespace: string, data: Buffer, labels: Readonly<Record<string, string>> = {}) => {
    const expected = digestOf(data);
    const writing = new Writing(host.clients, namespace);
    const total = BigInt(data.length);
    await writing.ask({
      action: COMMIT,
      ref: `put ${expected}`,
      data,
      expected,
      total,
      labels: { ...labels },
    });
    return expected;
  };

  const read = async (namespace: string, digest: string, offset = 0n, size = 0n) => {
    const { raw, metadata } = host.clients.in(namespace);
    const pieces: Buffer[] = [];
    for await (const { data } of raw.content.read({ digest, offset, size }, metadata)) pieces.push(data);
    return Buffer.concat(pieces);
  };

  test("a blob is written in pieces, each answered with the offset so far, and any part can be read", async () => {
    const pieces = [Buffer.alloc(700_000, "a"), Buffer.alloc(900_000, "b")] as const;
    const digest = digestOf(...pieces);
    const writing = new Writing(host.clients, "pieces");
    const begun = await writing.ask({ action: STAT, ref: "blob", total: 1_600_000n, expected: digest });
    assert.deepEqual([begun.offset, begun.total, begun.digest], [0n, 1_600_000n, digestOf()]);
    const first = await writing.ask({ action: WRITE, ref: "blob", data: pieces[0] });
    assert.deepEqual([first.offset, first.digest], [700_000n, digestOf(pieces[0])]);
    const { content } = host.clients.in("pieces");
    const { status: found } = await content.status({ ref: "blob" });
    assert.deepEqual([found?.offset, found?.total, found?.expected], [700_000n, 1_600_000n, digest]);
    assert.ok((found?.startedAt?.seconds ?? 0n) > 0n);
    await writing.ask({ action: WRITE, ref: "blob", offset: 700_000n, data: pieces[1] });
    const labels = { kind: "test" };
    const last = await writing.ask({ action: COMMIT, ref: "blob", offset: 1_600_000n, labels });
    assert.deepEqual([last.offset, last.digest], [1_600_000n, digest]);
    await writing.end();

    const whole = Buffer.concat(pieces);
    assert.ok((await read("pieces", digest)).equals(whole));
    assert.ok((await read("pieces", digest, 699_999n, 2n)).equals(Buffer.from("ab")));
    assert.ok((await read("pieces", digest, 1_599_999n, 100n)).equals(Buffer.from("b")));
    assert.equal((await read("pieces", digest, 1_600_000n)).length, 0);
    await assert.rejects(read("pieces", digest, 1_600_001n), { code: status.OUT_OF_RANGE });
    const { info } = await content.info({ digest });
    assert.deepEqual([info?.digest, info?.size, info?.labels], [digest, 1_600_000n, labels]);
    assert.deepEqual((await content.listStatuses({ filters: [] })).statuses, []);
  });

  test("a blob that a client need not write, because it exists, is in the client's lease", async () => {
    const { content, leases } = host.clients.in("relied-on");
    await leases.create({ id: "pull", labels: {} });
    await leases.create({ id: "other", labels: {} });
    const [asked, sent, dropped] = [Buffer.from("asked"), Buffer.from("sent"), Buffer.from("dropped")];
    for (const data of [asked, sent, dropped]) await put("relied-on", data);
    const stat = new Writing(host.clients, "relied-on", "pull");
    const exists = { code: status.ALREADY_EXISTS };
    await assert.rejects(stat.ask({ action: STAT, ref: "asked", expected: digestOf(asked) }), exists);
    const commit = new Writing(host.clients, "relied-on", "pull");
    await commit.ask({ action: WRITE, ref: "sent", data: sent });
    await assert.rejects(commit.ask({ action: COMMIT, ref: "sent", offset: 4n }), exists);
    await leases.delete({ id: "other", sync: true });
    for (const data of [asked, sent]) await content.info({ digest: digestOf(data) });
    await assert.rejects(content.info({ digest: digestOf(dropped) }), { code: status.NOT_FOUND });
  });

  test("a write is resumed where it stopped, or restarted, even after its client has disconnected", async () => {
    const data = Buffer.from("some bytes");
    const gone = new Writing(host.clients, "resumed");
    await gone.ask({ action: WRITE, ref: "blob", data });
    gone.vanish();
    const again = await eventually("the ref is free", async () => {
      const writing = new Writing(host.clients, "resumed");
      const answer = await writing.ask({ action: STAT, ref: "blob" }).catch(({ code }): undefined => {
        assert.equal(code, status.UNAVAILABLE);
      });
      return answer === undefined ? undefined : { writing, answer };
    });
    assert.deepEqual([again.answer.offset, again.answer.digest], [10n, digestOf(data)]);
    await assert.rejects(again.writing.ask({ action: WRITE, ref: "blob", offset: 5n, data }), {
      code: status.OUT_OF_RANGE,
      details: /must occur at current offset 10/,
    });
    const anew = new Writing(host.clients, "resumed");
    const other = Buffer.from("others");
    assert.equal((await anew.ask({ action: WRITE, ref: "blob", data: other })).offset, 6n);
    const { digest } = await anew.ask({ action: COMMIT, ref: "blob" });
    assert.equal(digest, digestOf(other), "a commit that says no offset leaves what was written");
    assert.ok((await read("resumed", digest)).equals(other));
  });

  test("a writer that did not know that the blob exists leaves no second copy", async () => {
    const data = Buffer.from("twice");
    await put("twice", data);
    const writing = new Writing(host.clients, "twice");
    await writing.ask({ action: WRITE, ref: "again", data });
    await assert.rejects(writing.ask({ action: COMMIT, ref: "again" }), { code: status.ALREADY_EXISTS });
    const { content } = host.clients.in("twice");
    assert.deepEqual((await content.listStatuses({ filters: [] })).statuses, []);
    assert.equal(String(await read("twice", digestOf(data))), "twice");
  });

  test("a ref has one writer at a time", async () => {
    const first = new Writing(host.clients, "locked");
    await first.ask({ action: STAT, ref: "blob" });
    await assert.rejects(new Writing(host.clients, "locked").ask({ action: STAT, ref: "blob" }), {
      code: status.UNAVAILABLE,
      details: /"blob" is locked.*unavailable$/,
    });
    await new Writing(host.clients, "elsewhere").ask({ action: STAT, ref: "blob" });
    await first.end();
    await new Writing(host.clients, "locked").ask({ action: STAT, ref: "blob" });
  });

  test("a writer with a wrong size or digest commits nothing, and harms no other blob", async () => {
    const kept = await put("wrong", Buffer.from("kept"));
    const data = Buffer.from("data");
    for (const [said, details] of [
      [{ total: 5n }, /unexpected commit size 4, expected 5/],
      [{ expected: digestOf(Buffer.from("other")) }, /unexpected commit digest/],
    ] as const) {
      await assert.rejects(
        new Writing(host.clients, "wrong").ask({ action: COMMIT, ref: "blob", data, ...said }),
        {
          code: status.FAILED_PRECONDITION,
          details,
        },
      );
      await host.clients.in("wrong").content.abort({ ref: "blob" });
    }
    for (const request of [{ ref: "" }, { ref: "blob", expected: "sha256:abc" }])
      await assert.rejects(new Writing(host.clients, "wrong").ask({ action: STAT, ...request }), {
        code: status.INVALID_ARGUMENT,
      });
    const twoMinds = new Writing(host.clients, "wrong");
    await twoMinds.ask({ action: STAT, ref: "blob", total: 4n });
    await assert.rejects(twoMinds.ask({ action: STAT, ref: "blob", total: 5n }), {
      code: status.INVALID_ARGUMENT,
    });
    const known = new Writing(host.clients, "wrong");
    await assert.rejects(known.ask({ action: STAT, ref: "again", expected: kept }), {
      code: status.ALREADY_EXISTS,
    });
    assert.equal(String(await read("wrong", kept)), "kept");
  });

  test("blobs have labels, are listed by filters and deleted, and belong to one namespace", async () => {
    const [a, b] = [
      await put("listed", Buffer.from("a"), { name: "a" }),
      await put("listed", Buffer.from("b")),
    ];
    await put("other", Buffer.from("a"));
    const { content, raw, metadata } = host.clients.in("listed");
    const list = async (...filters: string[]) => {
      const found: string[] = [];
      const pages: AsyncIterable<containerd.contentV1.ListContentResponse> = raw.content.list(
        { filters },
        metadata,
      );
      for await (const { info } of pages) found.push(...info.map((each) => each.digest));
      return found.sort();
    };
    assert.deepEqual(await list(), [a, b].sort());
    assert.deepEqual(await list("labels.name==a"), [a]);
    assert.deepEqual(await list(`digest==${b}`), [b]);
    const labels = { name: "", more: "1" };
    const { info } = await content.update({
      info: { digest: a, size: 0n, createdAt: undefined, updatedAt: undefined, labels },
      updateMask: ["labels.more"],
    });
    assert.deepEqual(info?.labels, { name: "a", more: "1" });
    await content.delete({ digest: a });
    assert.deepEqual(await list(), [b]);
    for (const call of [
      () => content.delete({ digest: a }),
      () => content.info({ digest: a }),
      () => read("listed", a),
    ])
      await assert.rejects(call(), { code: status.NOT_FOUND });
    await assert.rejects(content.info({ digest: "a" }), { code: status.INVALID_ARGUMENT });
    assert.equal(String(await read("other", a)), "a");
  });

  test("active writes are listed, and can be aborted", async () => {
    const writing = new Writing(host.clients, "aborted");
    await writing.ask({ action: WRITE, ref: "blob", data: Buffer.from("data") });
    await writing.end();
    const { content } = host.clients.in("aborted");
    const refs = async (...filters: string[]) =>
      (await content.listStatuses({ filters })).statuses.map(({ ref }) => ref);
    assert.deepEqual([await refs(), await refs("ref==blob"), await refs("ref==x")], [["blob"], ["blob"], []]);
    await content.abort({ ref: "blob" });
    assert.deepEqual(await refs(), []);
    await assert.rejects(content.abort({ ref: "blob" }), { code: status.NOT_FOUND });
    await assert.rejects(content.status({ ref: "blob" }), { code: status.NOT_FOUND });
  });

  test("a lease holds what is written with it, from the first byte on", async () => {
    const { leases } = host.clients.in("leased");
    await leases.create({ id: "mine", labels: {} });
    const data = Buffer.from("leased");
    const writing = new Writing(host.clients, "leased", "mine");
    await writing.ask({ action: COMMIT, ref: "blob", data });
    const { resources } = await leases.listResources({ id: "mine" });
    assert.deepEqual(resources.map(({ id, type }) => [type, id]).sort(), [
      ["content", digestOf(data)],
      ["ingests", "blob"],
    ]);
    await assert.rejects(new Writing(host.clients, "leased", "absent").ask({ action: STAT, ref: "x" }), {
      code: status.NOT_FOUND,
    });
  });
});
