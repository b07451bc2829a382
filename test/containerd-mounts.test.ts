import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { ActivateRequest, UpdateRequest } = containerd.mountsV1;

describe("containerd's API of activated mounts", () => {
  const host = withContainerd();

  test("what snapshotters hand out is left to the client to mount, and so nothing is active", async () => {
    const { mounts, snapshots, raw, metadata } = host.clients.in("mounts");
    await snapshots.prepare({ snapshotter: "overlayfs", key: "below", parent: "", labels: {} });
    await snapshots.commit({
      snapshotter: "overlayfs",
      name: "base",
      key: "below",
      labels: {},
      parent: "",
    });
    const made = await snapshots.prepare({ snapshotter: "overlayfs", key: "a", parent: "base", labels: {} });
    for (const temporary of [false, true])
      await assert.rejects(
        mounts.activate(ActivateRequest.fromPartial({ name: "a", mounts: made.mounts, temporary })),
        // The word by which containerd's client knows that it is to mount them itself.
        { code: status.UNIMPLEMENTED, details: /"overlay".* yourself: not implemented$/ },
      );
    await assert.rejects(mounts.activate(ActivateRequest.fromPartial({})), { code: status.INVALID_ARGUMENT });
    for (const looking of [
      mounts.info({ name: "a" }),
      mounts.deactivate({ name: "a" }),
      mounts.update(UpdateRequest.fromPartial({ info: { name: "a" } })),
    ])
      await assert.rejects(looking, { code: status.NOT_FOUND, details: /mount "a" is not active/ });
    const list = (filters: string[]) =>
      Array.fromAsync(raw.mounts.list({ filters }, metadata) as AsyncIterable<unknown>);
    assert.deepEqual(await list([]), []);
    await assert.rejects(list(["name=="]), { code: status.INVALID_ARGUMENT });
    await assert.rejects(host.clients.in(undefined).mounts.info({ name: "a" }), {
      code: status.FAILED_PRECONDITION,
    });
  });
});
