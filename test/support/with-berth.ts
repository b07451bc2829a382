import { after, before } from "node:test";
import type { TestRegistry } from "../../src/testing/registry.ts";
import { type BerthOptions, TestBerth } from "./berth.ts";
import { startBusyboxRegistry } from "./busybox.ts";

/** A daemon and a registry for the tests of one `describe`, with the registry's busybox pulled. */
export function withBerth(options: BerthOptions = {}): {
  readonly berth: TestBerth;
  readonly image: string;
  readonly registry: TestRegistry;
} {
  let berth: TestBerth | undefined;
  let registry: (TestRegistry & { readonly image: string }) | undefined;
  before(async () => {
    registry = await startBusyboxRegistry();
    berth = await TestBerth.start(options);
    await berth.pull(registry.image);
  });
  after(async () => {
    // A registry that goes on would keep the test's process from ending.
    await using _registry = registry;
    await berth?.[Symbol.asyncDispose]();
  });
  return {
    get berth() {
      return started(berth);
    },
    get image() {
      return started(registry).image;
    },
    get registry() {
      return started(registry);
    },
  };
}

/** What a `before` has started. */
export function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("used before it was started");
  return value;
}
