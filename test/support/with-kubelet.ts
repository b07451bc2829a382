import { after, before } from "node:test";
import type { TestRegistry } from "../../src/testing/registry.ts";
import { type BerthOptions, TestBerth } from "./berth.ts";
import { startBusyboxRegistry } from "./busybox.ts";
import { TestKubelet } from "./kubelet.ts";
import { KubeletCgroup } from "./kubelet-cgroup.ts";

/**
 * A registry with busybox, a daemon, and a kubelet on it for the tests of one `describe`; no image has been
 * pulled.
 */
export function withKubelet(settings: object = {}, options: BerthOptions = {}) {
  const undo = new AsyncDisposableStack();
  let host: { readonly berth: TestBerth; readonly kubelet: TestKubelet } | undefined;
  let registry: (TestRegistry & { readonly image: string }) | undefined;
  before(async () => {
    registry = undo.use(await startBusyboxRegistry());
    // It goes last, when the daemon has ended what is in it.
    const cgroup = undo.use(await KubeletCgroup.make());
    const berth = undo.use(await TestBerth.start(options));
    host = { berth, kubelet: undo.use(await TestKubelet.start(berth, cgroup, settings)) };
  });
  after(() => undo.disposeAsync());
  const started = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("used before it was started");
    return value;
  };
  return {
    get berth() {
      return started(host).berth;
    },
    get kubelet() {
      return started(host).kubelet;
    },
    get registry() {
      return started(registry);
    },
    get image() {
      return started(registry).image;
    },
    /** A container that runs a shell script. */
    shell: (name: string, script: string, more: object = {}) => ({
      name,
      image: started(registry).image,
      command: ["/bin/sh", "-c", script],
      ...more,
    }),
  };
}
