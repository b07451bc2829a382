import { setTimeout as delay } from "node:timers/promises";
import type { CrashingBerth } from "../crashing-berth.ts";
import { Helpers, shimsOf } from "./helpers.ts";
import type { Random } from "./random.ts";

const longestWaitMs = 400;
/** One of this many helpers is killed. */
const helpersForOneKill = 3;

/** What a round has killed. */
export type Round = {
  /** Whether a pod or a container has been killed. */
  readonly isKilled: (id: string) => boolean;
  /** Whether a Docker Engine may have missed how containers ended that ran on without it. */
  readonly mayMissEnds: boolean;
};

type Victim = "berthd" | "helpers" | "dockerd" | "both daemons" | "shim";

/** Kills one thing a round while calls are under way: what a pod's life depends on, except for conmon. */
export class Killer {
  readonly #host: CrashingBerth;
  /** Whether containers end with dockerd. */
  readonly #endsContainers: boolean;
  readonly #victims: readonly [Victim, ...Victim[]];
  readonly #counts = new Map<string, number>();
  /** What was killed, with the time. */
  readonly kills: string[] = [];

  constructor(host: CrashingBerth, { liveRestore }: { readonly liveRestore: boolean }) {
    this.#host = host;
    this.#endsContainers = !liveRestore;
    this.#victims =
      host.berth.docker === undefined
        ? ["berthd", "helpers"]
        : ["berthd", "helpers", "dockerd", "both daemons", "shim"];
  }

  /** Kills something while what `begin` begins is under way, and resolves when all runs again. */
  async round(random: Random, begin: () => Promise<unknown>): Promise<Round> {
    const helpers = new Helpers(this.#host.berth);
    const calls = begin();
    const victim = random.pick(this.#victims);
    if (victim === "helpers") {
      await this.#killHelpers(helpers, random, calls);
      await calls;
      return { isKilled: () => false, mayMissEnds: false };
    }
    await delay(random.below(longestWaitMs));
    if (victim !== "shim") return await this.#killDaemons(victim, calls);
    const containerId = this.#killShim(random);
    await calls;
    return { isKilled: (id) => id === containerId, mayMissEnds: false };
  }

  summary(): string {
    return [...this.#counts].map(([what, count]) => `${what} ${count}`).join(", ");
  }

  async #killDaemons(victim: "berthd" | "dockerd" | "both daemons", calls: Promise<unknown>): Promise<Round> {
    const { berth } = this.#host;
    if (victim !== "dockerd") {
      this.#note("berthd");
      await berth.stopDaemon("SIGKILL");
    }
    if (victim !== "berthd") {
      this.#note("dockerd");
      await berth.docker?.stop("SIGKILL");
    }
    await calls;
    if (victim !== "berthd") await berth.docker?.start();
    if (victim !== "dockerd") await berth.startDaemon();
    await this.#host.engineIsThere();
    const isDockerKilled = victim !== "berthd";
    return {
      isKilled: () => isDockerKilled && this.#endsContainers,
      mayMissEnds: isDockerKilled && !this.#endsContainers,
    };
  }

  #killShim(random: Random): string | undefined {
    const shim = random.pick(shimsOf(this.#host.berth));
    if (shim === undefined || !kill(shim.pid)) return undefined;
    this.#note("shim", `shim of ${shim.containerId}`);
    return shim.containerId;
  }

  /** Kills some of the helpers that appear during the calls. */
  async #killHelpers(helpers: Helpers, random: Random, calls: Promise<unknown>): Promise<void> {
    let underWay = true;
    const end = () => {
      underWay = false;
    };
    void calls.then(end, end);
    for (; underWay; await delay(1)) {
      for (const { pid, what } of helpers.come())
        if (random.below(helpersForOneKill) === 0 && kill(pid)) this.#note("helper", what);
    }
  }

  #note(kind: string, what = kind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.kills.push(`${new Date().toISOString()} ${what}`);
  }
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
    return false;
  }
}
