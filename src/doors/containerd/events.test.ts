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

test("a filter finds text fields and labels of events, and lets those without them go by", async () => {
  const heard = async (...filters: readonly string[]) => {
    const events = new ServiceEvents();
    const { subscribe } = eventHandlers({ events });
    const listening = subscribe?.({ filters: [...filters, "topic==/last"] }, call)[Symbol.asyncIterator]();
    const topics: (string | undefined)[] = [];
    const topic = async () => topics.push((await listening?.next())?.value?.topic);
    const first = topic();
    events.publish("a", "/images/create", { name: "one", labels: { "a.b": "c" } });
    events.publish("a", "/images/delete", { name: "two" });
    events.publish("a", "/snapshot/prepare", { snapshotter: "native", key: "three", parent: undefined });
    const runtime = { name: "runc" };
    events.publish("a", "/containers/create", { id: "four", image: "", runtime, extensions: [] });
    const foreign = { typeUrl: "A", value: new Uint8Array() };
    events.publishForeign({ atNs: 1n, namespace: "a", topic: "/last", foreign });
    await first;
    while (topics.at(-1) !== "/last") await topic();
    return topics.slice(0, -1);
  };
  assert.deepEqual(await heard("event.labels.a.b==c"), ["/images/create"]);
  assert.deepEqual(await heard("event.name"), ["/images/create", "/images/delete"]);
  assert.deepEqual(await heard("event.key==three", "event.runtime.name==runc"), [
    ...["/snapshot/prepare", "/containers/create"],
  ]);
  // An empty field is not there.
  assert.deepEqual(await heard("event.parent", "event.image", 'event.parent==""'), []);
});
