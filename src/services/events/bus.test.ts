import assert from "node:assert/strict";
import { test } from "node:test";
import { EventBus } from "./index.ts";

const forEver = new AbortController().signal;

test("every listener gets every event in order, from its subscribing on", async () => {
  const bus = new EventBus<number>();
  bus.publish(0);
  const first = bus.subscribe(forEver);
  bus.publish(1);
  const second = bus.subscribe(forEver);
  bus.publish(2);
  assert.deepEqual([(await first.next()).value, (await first.next()).value], [1, 2]);
  assert.equal((await second.next()).value, 2);
});

test("a listener that waits gets the event when it comes", async () => {
  const bus = new EventBus<string>();
  const events = bus.subscribe(forEver);
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
    for await (const event of bus.subscribe(abort.signal)) seen.push(event);
  })();
  const idle = bus.subscribe(abort.signal);
  bus.publish(1);
  abort.abort();
  bus.publish(2);
  await listening;
  assert.deepEqual(seen, [1]);
  assert.equal((await idle.next()).done, true);
  assert.equal((await bus.subscribe(abort.signal).next()).done, true);
});

test("leaving the loop ends the subscription", async () => {
  const bus = new EventBus<number>();
  const events = bus.subscribe(forEver);
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
  const slow = bus.subscribe(forEver);
  const quick = bus.subscribe(forEver);
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
