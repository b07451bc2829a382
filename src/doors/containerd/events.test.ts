import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceEvents } from "../../services/events/index.ts";
import type { ContainerdCall } from "./call.ts";
import { eventHandlers } from "./events.ts";

const call: ContainerdCall = {
  signal: new AbortController().signal,
  metadata: { get: () => [] },
  requestId: "1",
  leaseId: "",
  namespace: () => Promise.reject(new Error("a subscription is of no namespace")),
};

test("a subscriber that does not read is disconnected before large events fill the memory", async () => {
  const events = new ServiceEvents();
  const { subscribe } = eventHandlers({ events });
  assert.ok(subscribe);
  const value = new Uint8Array(1024 * 1024);
  const publish = () =>
    events.publishForeign({ atNs: 1n, namespace: "a", topic: "/a", foreign: { typeUrl: "A", value } });
  const heard = subscribe({ filters: [] }, call)[Symbol.asyncIterator]();
  const first = heard.next();
  publish();
  assert.equal((await first).value?.topic, "/a");
  for (let count = 0; count < 64; count++) publish();
  await assert.rejects(heard.next(), { code: "ResourceExhausted" });
});
