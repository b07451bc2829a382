import { after, before } from "node:test";
import { type BerthOptions, TestBerth } from "./berth.ts";
import { ContainerdClients } from "./containerd.ts";
import { started } from "./with-berth.ts";

/** A daemon without a network for the tests of one `describe`, and clients of its containerd API. */
export function withContainerd(options: BerthOptions = {}): {
  readonly berth: TestBerth;
  readonly clients: ContainerdClients;
} {
  let berth: TestBerth | undefined;
  let clients: ContainerdClients | undefined;
  before(async () => {
    berth = await TestBerth.start({ network: undefined, ...options });
    clients = new ContainerdClients(berth.socket);
  });
  after(async () => {
    clients?.[Symbol.dispose]();
    await berth?.[Symbol.asyncDispose]();
  });
  return {
    get berth() {
      return started(berth);
    },
    get clients() {
      return started(clients);
    },
  };
}
