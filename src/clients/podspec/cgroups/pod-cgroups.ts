import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { ignoreGone, isErrno } from "../../../ground/fs/index.ts";
import { type CgroupLayout, cgroupLayout, cpuSharesOf } from "../../../ground/linux/index.ts";
import type { Pod } from "../pod.ts";
import { filesOf } from "./cgroup-files.ts";
import { cpuShares } from "./limits.ts";
import { podLimitsOf } from "./pod-limits.ts";
import { qosClass } from "./qos-class.ts";
import { startSlice, stopSlice } from "./systemd-slices.ts";

export type CgroupDriver = "cgroupfs" | "systemd";

const names = { Guaranteed: [], Burstable: ["burstable"], BestEffort: ["besteffort"] } as const;

/**
 * The cgroups of pods, as a kubelet creates them: `/berth/podUID`, `/berth/burstable/podUID` and
 * `/berth/besteffort/podUID`, or the slices `berth-…-podUID.slice` with the systemd driver. A pod's limits
 * and weight apply to all its containers together; the class besteffort has the minimum weight, burstable
 * that of its pods.
 */
export class PodCgroups {
  readonly #driver: CgroupDriver;
  readonly #layout: CgroupLayout;

  private constructor(driver: CgroupDriver, layout: CgroupLayout) {
    this.#driver = driver;
    this.#layout = layout;
  }

  /** Undefined if this process cannot create cgroups. */
  static async open(driver: CgroupDriver): Promise<PodCgroups | undefined> {
    const layout = process.getuid?.() === 0 ? await cgroupLayout() : undefined;
    return layout && new PodCgroups(driver, layout);
  }

  /** The cgroup parent of a pod's containers, in the form of the runtime's driver. */
  parentOf(pod: Pod): string {
    const path = pathOf(pod);
    return this.#driver === "systemd" ? sliceName(path) : `/${path.join("/")}`;
  }

  /** Creates a pod's cgroup with its limits; idempotent. */
  async make(pod: Pod): Promise<void> {
    const path = pathOf(pod);
    const limits = podLimitsOf(pod.spec);
    if (this.#driver === "systemd") {
      if (qosClass(pod.spec) === "BestEffort")
        await startSlice(sliceName(path.slice(0, -1)), { cpuShares: cpuShares(0) }, this.#layout);
      return await startSlice(sliceName(path), limits, this.#layout);
    }
    for (const { root, files, controllers } of filesOf(this.#layout, limits)) {
      const directory = join(root, ...path);
      await makeBelow(root, path, controllers);
      for (const [file, value] of files) await write(join(directory, file), value);
    }
    await this.#weighClasses();
  }

  /** Removes a pod's cgroup, when none of its containers is left, and those above it when they are empty. */
  async remove(pod: Pod): Promise<void> {
    const path = pathOf(pod);
    if (this.#driver === "systemd") return await stopSlice(sliceName(path));
    for (const root of this.#roots()) {
      await removeTree(join(root, ...path));
      if (path.length > 2) await rmdir(join(root, ...path.slice(0, -1))).catch(ignoreInUse);
    }
    await this.#weighClasses();
  }

  #roots(): readonly string[] {
    const { kind } = this.#layout;
    const v1 = kind === "v2" ? [] : this.#layout.v1.values();
    return [...new Set([...v1, ...(kind === "v1" ? [] : [this.#layout.v2.mountPoint])])];
  }

  async #weighClasses(): Promise<void> {
    const root = this.#layout.kind === "v2" ? this.#layout.v2.mountPoint : this.#layout.v1.get("cpu");
    if (root === undefined) return;
    const file = this.#layout.kind === "v2" ? "cpu.weight" : "cpu.shares";
    const value = (text: string) => (this.#layout.kind === "v2" ? cpuSharesOf(Number(text)) : Number(text));
    const burstable = join(root, "berth", "burstable");
    let shares = 0;
    for (const name of (await readdir(burstable).catch(ignoreGone)) ?? []) {
      if (!name.startsWith("pod")) continue;
      const text = await readFile(join(burstable, name, file), "utf8").catch(ignoreGone);
      shares += value(text ?? "0");
    }
    for (const [name, weight] of [
      ["burstable", shares / 1024],
      ["besteffort", 0],
    ] as const)
      for (const { root: top, files } of filesOf(this.#layout, { cpuShares: cpuShares(weight) }))
        for (const [own, text] of files) await write(join(top, "berth", name, own), text).catch(ignoreGone);
  }
}

function pathOf({ metadata: { uid }, spec }: Pod): readonly string[] {
  return ["berth", ...names[qosClass(spec)], `pod${uid}`];
}

/** In systemd, a dash separates levels: the slice `a-b.slice` is in `a.slice`. */
function sliceName(path: readonly string[]): string {
  return `${path.map((part) => part.replaceAll("-", "_")).join("-")}.slice`;
}

/** Creates a cgroup. In cgroup v2, each level above it must enable the controllers. */
async function makeBelow(
  root: string,
  path: readonly string[],
  controllers: readonly string[],
): Promise<void> {
  let directory = root;
  for (const name of path) {
    if (controllers.length > 0) {
      const there = (await readFile(join(directory, "cgroup.controllers"), "utf8")).trim().split(" ");
      const given = controllers.filter((one) => there.includes(one)).map((one) => `+${one}`);
      await write(join(directory, "cgroup.subtree_control"), given.join(" "));
    }
    directory = join(directory, name);
    await makeDirectories(directory, 0o755);
  }
}

async function write(file: string, value: string): Promise<void> {
  // Without a file for a limit, the kernel does not support it.
  await writeFile(file, value, { flag: "r+" }).catch(ignoreGone);
}

async function removeTree(directory: string): Promise<void> {
  const entries = (await readdir(directory, { withFileTypes: true }).catch(ignoreGone)) ?? [];
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(directory, entry.name));
  await rmdir(directory).catch(ignoreGone);
}

function ignoreInUse(error: unknown): void {
  if (!isErrno(error, "EBUSY", "ENOTEMPTY")) ignoreGone(error);
}
