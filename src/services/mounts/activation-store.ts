import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nowNs } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { HostPaths, LookUp } from "../../ground/hostpaths/index.ts";
import { type Labels, updateLabels } from "../../ground/labels/index.ts";
import { mappedLayersSuffix, mountInfo, unmount } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { decode, encode } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { TreeRemover } from "../../ground/trees/index.ts";
import {
  type Activation,
  type ActivationRequest,
  type Activations,
  type ActiveMount,
  type GivenMount,
  type Holder,
  isHeld,
} from "./activation.ts";
import { formatMount } from "./format.ts";
import { makeDirectories } from "./make-directories.ts";
import { makeFileSystem } from "./make-file-system.ts";
import { mountOne, unmountOne } from "./mount-one.ts";
import { MountsError } from "./mounts-error.ts";
import { type PlannedMount, planActivation, type Transform } from "./plan.ts";
import { Roots } from "./roots.ts";

export type ActivationStoreOptions = {
  /** For the mount points and their records. */
  readonly directory: string;
  /** Directories below which `mkdir/` and `mkfs/` may create something, in addition to `directory`. */
  readonly roots: readonly string[];
  readonly hostPaths: HostPaths;
  readonly trees: TreeRemover;
  readonly logger: Logger;
};

/** An activation, and the directory of its mount points. */
type Entry = { readonly directory: string; readonly namespace: string; readonly activation: Activation };

const recordName = "activation";

/** The activations of all namespaces. */
export class ActivationStore {
  readonly #options: ActivationStoreOptions;
  readonly #roots: Roots;
  readonly #locks = new KeyLock();
  /** By namespace and name. */
  readonly #entries = new Map<string, Entry>();

  private constructor(options: ActivationStoreOptions) {
    this.#options = options;
    this.#roots = new Roots([options.directory, ...options.roots]);
  }

  /** Restores what an earlier daemon mounted, and removes what it left incomplete. */
  static async open(options: ActivationStoreOptions): Promise<ActivationStore> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const store = new ActivationStore(options);
    const mounted = new Set((await mountInfo()).map(({ mountPoint }) => mountPoint));
    for (const name of await readdir(options.directory))
      await store.#takeUp(join(options.directory, name), mounted);
    return store;
  }

  inNamespace(namespace: string): Activations {
    return {
      activate: (request, signal) => this.#activate(namespace, request, signal),
      deactivate: (name) => this.#deactivate(namespace, name),
      get: (name) => this.#get(namespace, name).activation,
      list: () => this.#list(namespace).map(({ activation }) => activation),
      setLabels: (name, labels) => this.#setLabels(namespace, name, labels),
      leaseEnded: (leaseId) => this.#leaseEnded(namespace, leaseId),
    };
  }

  /**
   * Unmounts a namespace's activations that nothing holds any more: see {@link isHeld}. Ones that are in use
   * stay until the next collection.
   */
  async collect(namespace: string, isThere: (holder: Holder) => boolean): Promise<void> {
    const unheld = this.#list(namespace).filter(({ activation }) => !isHeld(activation, isThere));
    await this.#giveUp(namespace, unheld);
  }

  /** Labels are checked by the collector. */
  async #leaseEnded(namespace: string, leaseId: string): Promise<void> {
    const alone = this.#list(namespace).filter(
      ({ activation }) =>
        activation.leaseId === leaseId && !isHeld(activation, ({ kind }) => kind !== "lease"),
    );
    await this.#giveUp(namespace, alone);
  }

  async #giveUp(namespace: string, entries: readonly Entry[]): Promise<void> {
    for (const { activation } of entries) {
      const { name } = activation;
      await this.#deactivate(namespace, name).catch((err: unknown) => {
        if (!hasCode(err, "NotFound"))
          this.#options.logger.warn(
            { err, namespace, mount: name },
            "cannot unmount a mount that nothing holds; it is retried",
          );
      });
    }
  }

  #list(namespace: string): readonly Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.namespace === namespace);
  }

  #get(namespace: string, name: string): Entry {
    const entry = this.#entries.get(keyOf(namespace, name));
    if (entry !== undefined) return entry;
    throw new MountsError("NotFound", `mount ${JSON.stringify(name)} is not active`);
  }

  async #activate(namespace: string, request: ActivationRequest, signal?: AbortSignal): Promise<Activation> {
    const { name, mounts, leaseId, temporary } = request;
    if (name === "") throw new MountsError("InvalidArgument", "name: must not be empty");
    const labels = updateLabels({}, request.labels);
    const plan = planActivation(mounts, temporary);
    if (plan === undefined) {
      const types = mounts.map(({ type }) => JSON.stringify(type)).join(", ");
      throw new MountsError(
        "Unimplemented",
        `activation ${name}: mounts of ${types} need no mount manager; mount them yourself`,
      );
    }
    const key = keyOf(namespace, name);
    using _ = await this.#locks.acquire(key, signal);
    if (this.#entries.has(key))
      throw new MountsError("AlreadyExists", `mount ${JSON.stringify(name)} is active`);
    const lookUp = this.#options.hostPaths.of(`${namespace}/${name}`, signal);
    const directory = join(this.#options.directory, randomBytes(8).toString("hex"));
    await mkdir(directory, { mode: 0o700 });
    const active: ActiveMount[] = [];
    try {
      for (const planned of plan.active)
        active.push(await this.#mount(planned, { directory, active, lookUp, signal }));
      const [first, ...others] = plan.system;
      const left =
        first === undefined
          ? []
          : [await this.#transformed(first, { active, signal }), ...others.map(asGiven)];
      const last = active.at(-1);
      const whole = { type: "bind", target: "", options: ["rbind"] };
      const system =
        temporary && last !== undefined ? [...left, { ...whole, source: last.mountPoint }] : left;
      const activation = { name, labels, leaseId, active, system };
      const entry = { directory, namespace, activation };
      await writeRecord(entry);
      this.#entries.set(key, entry);
      return activation;
    } catch (error) {
      await this.#undo(directory, active);
      throw error;
    }
  }

  async #mount(
    planned: PlannedMount,
    at: {
      readonly directory: string;
      readonly active: readonly ActiveMount[];
      readonly lookUp: LookUp;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<ActiveMount> {
    const mount = await this.#transformed(planned, at);
    const mountPoint = join(at.directory, String(at.active.length));
    await mountOne(mount, mountPoint, at.lookUp);
    return { mount, mountPoint, mountedAtNs: nowNs() };
  }

  async #transformed(
    { mount, transforms }: PlannedMount,
    { active, signal }: { readonly active: readonly ActiveMount[]; readonly signal: AbortSignal | undefined },
  ): Promise<GivenMount> {
    const by: Readonly<Record<Transform, (given: GivenMount) => GivenMount | Promise<GivenMount>>> = {
      format: (given) => formatMount(given, active),
      mkdir: (given) => makeDirectories(given, this.#roots),
      mkfs: (given) => makeFileSystem(given, this.#roots, signal),
    };
    let transformed = mount;
    for (const name of transforms) transformed = await by[name](transformed);
    return transformed;
  }

  /** The caller gets the first error; the next start removes the rest. */
  async #undo(directory: string, active: readonly ActiveMount[]): Promise<void> {
    try {
      await this.#takeDown(directory, active);
    } catch (err) {
      this.#options.logger.error({ err, path: directory }, "undoing an activation of mounts failed");
    }
  }

  async #takeDown(directory: string, active: readonly ActiveMount[]): Promise<void> {
    for (const { mount, mountPoint } of active.toReversed()) await unmountOne(mount.type, mountPoint);
    await this.#options.trees.remove(directory);
  }

  async #deactivate(namespace: string, name: string): Promise<void> {
    using _ = await this.#locks.acquire(keyOf(namespace, name));
    const { directory, activation } = this.#get(namespace, name);
    await this.#takeDown(directory, activation.active);
    this.#entries.delete(keyOf(namespace, name));
  }

  async #setLabels(namespace: string, name: string, labels: Labels): Promise<Activation> {
    using _ = await this.#locks.acquire(keyOf(namespace, name));
    const before = this.#get(namespace, name);
    const entry = { ...before, activation: { ...before.activation, labels: updateLabels({}, labels) } };
    await writeRecord(entry);
    this.#entries.set(keyOf(namespace, name), entry);
    return entry.activation;
  }

  async #takeUp(directory: string, mounted: ReadonlySet<string>): Promise<void> {
    try {
      const entry = await readRecord(directory);
      const isThere = ({ mount, mountPoint }: ActiveMount) =>
        mount.type === "loop" || mounted.has(mountPoint);
      if (entry?.activation.active.every(isThere)) {
        this.#entries.set(keyOf(entry.namespace, entry.activation.name), entry);
        return;
      }
      await this.#takeDownCut(directory, mounted);
    } catch (err) {
      this.#options.logger.error({ err, path: directory }, "restoring activated mounts failed");
    }
  }

  /** For an incomplete activation, the mounts below its directory show what it had. */
  async #takeDownCut(directory: string, mounted: ReadonlySet<string>): Promise<void> {
    const present = await readdir(directory);
    for (const name of present.filter((each) => each.endsWith(mappedLayersSuffix)))
      await unmount(join(directory, name), { detach: true, missingOk: true });
    const names = present.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
    for (const name of names) {
      const path = join(directory, name);
      await unmountOne(mounted.has(path) ? "" : "loop", path).catch((error: unknown) => {
        if ((error as { readonly code?: unknown }).code !== "EINVAL") throw error;
      });
    }
    await this.#options.trees.remove(directory);
  }
}

function asGiven({ mount, transforms }: PlannedMount): GivenMount {
  return { ...mount, type: [...transforms, mount.type].join("/") };
}

function keyOf(namespace: string, name: string): string {
  return `${namespace} ${name}`;
}

async function writeRecord(entry: Entry): Promise<void> {
  const file = join(entry.directory, recordName);
  await writeFile(`${file}.new`, encode(entry), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Undefined for an incomplete activation. */
async function readRecord(directory: string): Promise<Entry | undefined> {
  const text = await readFile(join(directory, recordName), "utf8").catch(ignoreMissing);
  return text === undefined ? undefined : (decode(text) as Entry);
}
