import assert from "node:assert/strict";
import { test } from "node:test";
import { EventBus } from "./bus.ts";
import { ServiceEvents } from "./index.ts";

const forEver = new AbortController().signal;
const asItIs = <E>(event: E) => event;

test("every listener gets every event in order, from its subscribing on", async () => {
  const bus = new EventBus<number>();
  bus.publish(0);
  const first = bus.subscribe(forEver, asItIs);
  bus.publish(1);
  const second = bus.subscribe(forEver, asItIs);
  bus.publish(2);
  assert.deepEqual([(await first.next()).value, (await first.next()).value], [1, 2]);
  assert.equal((await second.next()).value, 2);
});

test("a listener that waits gets the event when it comes", async () => {
  const bus = new EventBus<string>();
  const events = bus.subscribe(forEver, asItIs);
  const waiting = [events.next(), events.next()];
  bus.publish("a");
  bus.publish("b");
  assert.deepEqual(await Promise.all(waiting), [
    { done: false, value: "a" },
    { done: false, value: "b" },
  ]);
});

test("an abort ends the loop of a listener, whether it waits or not", async () => {
  const bus = new EventBus<number>();
  const abort = new AbortController();
  const seen: number[] = [];
  const listening = (async () => {
    for await (const event of bus.subscribe(abort.signal, asItIs)) seen.push(event);
  })();
  const idle = bus.subscribe(abort.signal, asItIs);
  bus.publish(1);
  abort.abort();
  bus.publish(2);
  await listening;
  assert.deepEqual(seen, [1]);
  assert.equal((await idle.next()).done, true);
  assert.equal((await bus.subscribe(abort.signal, asItIs).next()).done, true);
});

test("leaving the loop ends the subscription", async () => {
  const bus = new EventBus<number>();
  const events = bus.subscribe(forEver, asItIs);
  bus.publish(1);
  bus.publish(2);
  for await (const event of events) {
    assert.equal(event, 1);
    break;
  }
  assert.equal((await events.next()).done, true);
});

test("a listener 10,000 events behind is ended with ResourceExhausted, and others are not", async () => {
  const bus = new EventBus<number>();
  const slow = bus.subscribe(forEver, asItIs);
  const quick = bus.subscribe(forEver, asItIs);
  for (let event = 0; event < 10_000; event++) {
    bus.publish(event);
    assert.equal((await quick.next()).value, event);
  }
  assert.equal((await slow.next()).value, 0);
  bus.publish(10_000);
  bus.publish(10_001);
  await assert.rejects(slow.next(), { name: "EventsError", code: "ResourceExhausted" });
  assert.equal((await slow.next()).done, true);
  assert.equal((await quick.next()).value, 10_000);
});

test("a listener that is 64 MiB behind is ended likewise, where events have a size; one event may be larger", async () => {
  const bus = new EventBus<number>();
  const mib = 1024 * 1024;
  const slow = bus.subscribe(forEver, asItIs, (event) => event);
  bus.publish(65 * mib);
  assert.equal((await slow.next()).value, 65 * mib);
  for (const event of [mib, 63 * mib]) bus.publish(event);
  assert.equal((await slow.next()).value, mib);
  bus.publish(mib);
  bus.publish(1);
  await assert.rejects(slow.next(), { code: "ResourceExhausted", message: /64 MiB behind/ });
});

test("what a listener is shown is made while an event is published, for who listens, and not for others", async () => {
  const bus = new EventBus<number>();
  const shown: number[] = [];
  const project = (event: number) => {
    shown.push(event);
    return event % 2 === 0 ? `${event} was even` : undefined;
  };
  bus.publish(0);
  assert.deepEqual(shown, []);
  const events = bus.subscribe(forEver, project);
  for (const event of [1, 2, 3]) bus.publish(event);
  assert.deepEqual(shown, [1, 2, 3]);
  assert.equal((await events.next()).value, "2 was even");
  await events.return?.();
  bus.publish(4);
  assert.deepEqual(shown, [1, 2, 3]);
});

test("a listener whose projection throws is ended with the error, and the publisher hears nothing of it", async () => {
  const bus = new EventBus<number>();
  const broken = () => {
    throw new Error("no view");
  };
  const [waiting, later] = [bus.subscribe(forEver, broken), bus.subscribe(forEver, broken)];
  const other = bus.subscribe(forEver, asItIs);
  const refused = assert.rejects(waiting.next(), /no view/);
  bus.publish(1);
  await refused;
  await assert.rejects(later.next(), /no view/);
  for (const ended of [waiting, later]) assert.equal((await ended.next()).done, true);
  assert.equal((await other.next()).value, 1);
});

test("an event comes in an envelope with its time, namespace and topic", async () => {
  const events = new ServiceEvents();
  const heard = events.subscribe(forEver, asItIs);
  events.publish("moby", "/images/delete", { name: "app" });
  const { value } = await heard.next();
  assert.ok(value.atNs > 0n);
  assert.deepEqual(
    { ...value, atNs: 0n },
    { atNs: 0n, namespace: "moby", topic: "/images/delete", event: { name: "app" } },
  );
});
