import { readSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { threadIsLoaded } from "../../threads/index.ts";
import { POLLIN, type PollEntry, poll } from "./poll-call.ts";
import type { PollAnswer, PollOrder } from "./poll-thread.ts";
import { Relay } from "./relay.ts";
import { TerminalReceiver } from "./terminal-receiver.ts";

/**
 * The code of the thread behind {@link "./poll-thread.ts"}. It sleeps in poll(2), never in its event loop; a
 * byte in the wake pipe announces orders.
 */
interface Watched {
  polls(): readonly PollEntry[];
  /** Handles the events of each of the {@link polls}; false when copying has ended. */
  ready(events: readonly number[]): boolean;
  close(): void;
}

threadIsLoaded();

const { wakeFd } = workerData as { readonly wakeFd: number };
const watched = new Set<Watched>();
const wakeBytes = Buffer.alloc(512);

try {
  while (waitOnce());
} finally {
  for (const each of watched) each.close();
}

/** False if the thread should end. */
function waitOnce(): boolean {
  const polls = [...watched].map((each) => ({ each, entries: each.polls() }));
  const [wake = 0, ...events] = poll([
    { fd: wakeFd, events: POLLIN },
    ...polls.flatMap(({ entries }) => entries),
  ]);
  let offset = 0;
  for (const { each, entries } of polls) {
    const own = events.slice(offset, offset + entries.length);
    offset += entries.length;
    if (own.some((event) => event !== 0) && !each.ready(own)) remove(each);
  }
  return wake === 0 || takeOrders();
}

function takeOrders(): boolean {
  readSync(wakeFd, wakeBytes);
  for (;;) {
    const order = parentPort === null ? undefined : receiveMessageOnPort(parentPort)?.message;
    if (order === undefined) return true;
    if (!obey(order)) return false;
  }
}

function obey(order: PollOrder): boolean {
  switch (order.kind) {
    case "relay":
      watched.add(new Relay(order));
      return true;
    case "receive": {
      const { id, listenFd } = order;
      watched.add(new TerminalReceiver(id, listenFd, (terminalFd) => answer({ id, terminalFd })));
      return true;
    }
    case "cancel":
      for (const each of watched) if (each instanceof TerminalReceiver && each.id === order.id) remove(each);
      return true;
    case "end":
      return false;
  }
}

function remove(each: Watched): void {
  watched.delete(each);
  each.close();
}

function answer(message: PollAnswer): void {
  parentPort?.postMessage(message);
}
