import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import type { containerd } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { writeBlob } from "./support/containerd.ts";
import { imageStore, openStream } from "./support/transfers.ts";
import { withContainerd } from "./support/with-containerd.ts";

const times = { createdAt: undefined, updatedAt: undefined };
const nowhere = { typeUrl: "containerd.types.transfer.Nowhere", value: Buffer.alloc(0) };

describe("containerd's API of transfers", () => {
  const host = withContainerd();

  test("a stream is acknowledged once it is registered, with a unique id in its namespace", async () => {
    await using one = await openStream(host.clients, "streams", "one");
    await assert.rejects(openStream(host.clients, "streams", "one"), { code: status.ALREADY_EXISTS });
    await using other = await openStream(host.clients, "elsewhere", "one");
    assert.deepEqual(
      [one.acknowledged, other.acknowledged],
      ["google.protobuf.Empty", "google.protobuf.Empty"],
    );
    await assert.rejects(openStream(host.clients, "streams", ""), { code: status.INVALID_ARGUMENT });
    await assert.rejects(openStream(host.clients, "streams", "x", nowhere), {
      code: status.INVALID_ARGUMENT,
      details: /Nowhere.*not containerd.services.streaming.v1.StreamInit/,
    });
  });

  test("the id of a stream is free again when its client has disconnected", async () => {
    {
      await using _first = await openStream(host.clients, "freed", "id");
    }
    await using again = await eventually("the id is free", () =>
      openStream(host.clients, "freed", "id").catch(() => undefined),
    );
    assert.equal(again.acknowledged, "google.protobuf.Empty");
  });

  test("an image gets further names, with labels, including one that was another image's", async () => {
    const { images, transfer } = host.clients.in("tags");
    const [digest, old] = [
      await writeBlob(host.clients, "tags", Buffer.from("a target")),
      await writeBlob(host.clients, "tags", Buffer.from("another")),
    ];
    const target = { mediaType: "application/x", digest, size: 8n, annotations: {} };
    await images.create({
      image: { name: "first", labels: {}, target, ...times },
      sourceDateEpoch: undefined,
    });
    const other = { ...target, digest: old };
    await images.create({
      image: { name: "moved", labels: { kept: "1" }, target: other, ...times },
      sourceDateEpoch: undefined,
    });
    const options = undefined;
    const destination = imageStore({
      name: "moved",
      labels: { new: "2" },
      extraReferences: [
        { name: "second", isPrefix: false },
        { name: "repository", isPrefix: true, addDigest: true },
        { name: "unused", isPrefix: true },
      ],
    });
    await transfer.transfer({ source: imageStore({ name: "first" }), destination, options });
    const listed = (await images.list({ filters: [] })).images;
    assert.deepEqual(
      listed.map(({ name, labels, target }) => [name, { ...labels }, target?.digest]),
      [
        ["first", {}, digest],
        ["moved", { kept: "1", new: "2" }, digest],
        [`repository@${digest}`, { new: "2" }, digest],
        ["second", { new: "2" }, digest],
      ],
    );
  });

  test("a transfer reports what is missing: a source, a name, a supported combination, a stream", async () => {
    const { transfer } = host.clients.in("refused");
    const store = imageStore({ name: "absent" });
    const ask = (source: containerd.types.Any, destination: containerd.types.Any, progressStream = "") =>
      transfer.transfer({ source, destination, options: { progressStream } });
    await assert.rejects(ask(store, store), { code: status.NOT_FOUND, details: /"absent"/ });
    await assert.rejects(ask(store, nowhere), { code: status.UNIMPLEMENTED, details: /Nowhere/ });
    await assert.rejects(ask(nowhere, store), { code: status.UNIMPLEMENTED, details: /Nowhere/ });
    await assert.rejects(ask(store, store, "no stream"), { code: status.NOT_FOUND, details: /no stream/ });
    const broken = { ...store, value: Buffer.from([0xff]) };
    await assert.rejects(ask(broken, store), { code: status.INVALID_ARGUMENT, details: /ImageStore/ });
  });
});
