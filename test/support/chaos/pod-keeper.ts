import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  ContainerState,
  type PodSandboxConfig,
  PodSandboxState,
} from "../../../src/ground/protocol/index.ts";
import { eventually } from "../condition.ts";
import type { CrashingBerth } from "../crashing-berth.ts";
import { podConfig, shellConfig } from "../requests.ts";
import { hostPort } from "../subnet.ts";
import type { Round } from "./killer.ts";
import type { Random } from "./random.ts";

/** What was answered, and so must be true. */
type Known =
  | { readonly kind: "nothing" }
  | { readonly kind: "pod"; readonly podId: string }
  | { readonly kind: "created" | "started"; readonly podId: string; readonly containerId: string }
  /** Its removal was asked for, and nothing is promised until that is answered. */
  | { readonly kind: "going"; readonly podId: string };

/**
 * Does with one pod after the other what a kubelet does, a step at a time; asks again for what was not
 * answered.
 */
export class PodKeeper {
  readonly #host: CrashingBerth;
  readonly #image: string;
  readonly #name: string;
  readonly #random: Random;
  #generation = 0;
  #attempt = 0;
  /** Undefined: its process goes on. */
  #exitCode: number | undefined;
  #config: PodSandboxConfig | undefined;
  #known: Known = { kind: "nothing" };
  readonly removed: string[] = [];
  answered = 0;

  constructor(host: CrashingBerth, image: string, name: string, random: Random) {
    this.#host = host;
    this.#image = image;
    this.#name = name;
    this.#random = random;
  }

  /** One call. It may fail when something is killed; what it made then is found out by the next. */
  async step(): Promise<void> {
    const known = this.#known;
    if (known.kind === "nothing") await this.#run();
    else if (known.kind === "pod") await this.#create(known.podId);
    else if (known.kind === "created") await this.#start(known.podId, known.containerId);
    else await this.#remove(known.podId);
    this.answered++;
  }

  async #run(): Promise<void> {
    const { runtime } = this.#host.berth.clients;
    if (this.#config === undefined) {
      const name = `${this.#name}-${this.#generation++}`;
      const portMappings = this.#random.below(2) === 0 ? [{ containerPort: 80, hostPort: hostPort() }] : [];
      const linux = { cgroupParent: this.#host.cgroupParent };
      const logDirectory = join(this.#host.berth.logDir, name);
      this.#config = podConfig(name, { portMappings, linux, logDirectory });
      this.#attempt = 0;
      this.#exitCode = this.#random.below(3) === 0 ? this.#random.below(100) : undefined;
    }
    const request = { config: this.#config, runtimeHandler: "" };
    try {
      this.#known = { kind: "pod", podId: (await runtime.runPodSandbox(request)).podSandboxId };
    } catch (error) {
      if (String(error).includes("ALREADY_EXISTS")) await this.#giveUpHalfMade();
      throw error;
    }
  }

  /** A pod that could neither be made nor taken back, as a plugin was killed twice, a kubelet removes. */
  async #giveUpHalfMade(): Promise<void> {
    const { items } = await this.#host.berth.clients.runtime.listPodSandbox({ filter: undefined });
    const name = this.#config?.metadata?.name;
    const left = items.find(({ metadata }) => metadata?.name === name);
    if (left !== undefined) this.#known = { kind: "going", podId: left.id };
  }

  async #create(podSandboxId: string): Promise<void> {
    const end = this.#exitCode === undefined ? "exec sleep 10000" : `exit ${this.#exitCode}`;
    const config = shellConfig(`main-${this.#attempt}`, this.#image, `echo begun; ${end}`);
    const request = { podSandboxId, config, sandboxConfig: this.#config };
    const { containerId } = await this.#host.berth.clients.runtime.createContainer(request);
    this.#known = { kind: "created", podId: podSandboxId, containerId };
  }

  async #start(podId: string, containerId: string): Promise<void> {
    try {
      await this.#host.berth.clients.runtime.startContainer({ containerId });
      this.#known = { kind: "started", podId, containerId };
    } catch (error) {
      // A start that failed, or one whose answer was lost before its process ended: a kubelet makes another
      // container.
      if (/FAILED_PRECONDITION|INTERNAL|killed/.test(String(error))) {
        this.#attempt++;
        this.#known = { kind: "pod", podId };
      }
      throw error;
    }
  }

  async #remove(podSandboxId: string): Promise<void> {
    this.#known = { kind: "going", podId: podSandboxId };
    const { runtime } = this.#host.berth.clients;
    if (this.#random.below(2) === 0) await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
    this.removed.push(podSandboxId);
    this.#known = { kind: "nothing" };
    this.#config = undefined;
  }

  /**
   * Whether all that was answered is true. Pods and containers that were killed must be shown as ended; a pod
   * in which something was killed is removed next.
   */
  async audit({ isKilled, mayMissEnds }: Round): Promise<void> {
    const { runtime } = this.#host.berth.clients;
    const list = async () => (await runtime.listPodSandbox({ filter: undefined })).items;
    const pods = await list();
    const ids = new Set(pods.map(({ id }) => id));
    for (const id of this.removed)
      assert.ok(!ids.has(id), `${this.#name}: pod ${id} is there, whose removal was answered`);
    const known = this.#known;
    if (known.kind === "nothing" || known.kind === "going") return;
    const { podId } = known;
    const find = (all: typeof pods) => all.find(({ id }) => id === podId)?.state;
    const podState = isKilled(podId)
      ? await eventually(`${this.#name}: pod ${podId} has ended`, async () => {
          const now = find(await list());
          return now === PodSandboxState.SANDBOX_READY ? undefined : { now };
        })
      : { now: find(pods) };
    const expected = isKilled(podId) ? PodSandboxState.SANDBOX_NOTREADY : PodSandboxState.SANDBOX_READY;
    assert.equal(podState.now, expected, `${this.#name}: pod ${podId} was answered`);
    if (isKilled(podId)) this.#known = { kind: "going", podId };
    if (known.kind === "pod") return;
    await this.#auditContainer(known, isKilled(known.containerId), mayMissEnds);
  }

  async #auditContainer(
    { kind, podId, containerId }: Extract<Known, { kind: "created" | "started" }>,
    isKilled: boolean,
    mayMissEnds: boolean,
  ): Promise<void> {
    const { runtime } = this.#host.berth.clients;
    const state = async () => (await runtime.containerStatus({ containerId, verbose: false })).status;
    const status = await state();
    if (kind === "created") {
      assert.notEqual(status, undefined, `${this.#name}: container ${containerId} was answered`);
      return;
    }
    if (isKilled) {
      await this.#ended(containerId, state);
      this.#known = { kind: "going", podId };
      return;
    }
    if (this.#exitCode === undefined)
      assert.equal(status?.state, ContainerState.CONTAINER_RUNNING, containerId);
    else {
      const { exitCode } = await this.#ended(containerId, state);
      // For Docker Engine 28, an end that it missed because it was killed has the code 255.
      const isMissed = mayMissEnds && exitCode === 255;
      if (!isMissed) assert.equal(exitCode, this.#exitCode, `exit code of container ${containerId}`);
    }
    const isLogged = await this.#auditLog(containerId, status?.logPath ?? "");
    if (!isLogged) this.#known = { kind: "going", podId };
  }

  #ended(
    containerId: string,
    state: () => Promise<{ readonly state: ContainerState; readonly exitCode: number } | undefined>,
  ): Promise<{ readonly exitCode: number }> {
    return eventually(`container ${containerId} has exited`, async () => {
      const status = await state();
      return status?.state === ContainerState.CONTAINER_EXITED && status;
    });
  }

  /**
   * Whether the log has what the container wrote. A Docker Engine that was killed may have read it and not
   * written it: its own log lacks it then, too.
   */
  async #auditLog(containerId: string, path: string): Promise<boolean> {
    const { docker } = this.#host.berth;
    try {
      await eventually(`${path} has what the container wrote`, async () =>
        (await readFile(path, "utf8").catch(() => "")).includes("stdout F begun"),
      );
      return true;
    } catch (error) {
      if (docker?.wasKilled !== true) throw error;
      const own = await readFile(await docker.logPath(containerId), "utf8").catch(() => {
        throw error;
      });
      if (own.includes("begun")) throw error;
      return false;
    }
  }
}
