import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { promisify } from "node:util";
import { cgroupLayout } from "../../src/ground/linux/index.ts";
import { removeCgroup } from "../../src/services/runtime/index.ts";
import type { BerthOptions, TestBerth } from "./berth.ts";
import { clientProgram } from "./client-programs.ts";
import { ContainerdClients } from "./containerd.ts";
import { withBerth } from "./with-berth.ts";

/** What a program printed, and how it ended. */
export type Said = { readonly stdout: string; readonly stderr: string; readonly code: number };

/** A daemon that serves containerd's API, and where its test keeps files. */
type ClientHost = Pick<TestBerth, "socket" | "directory">;

/** Unmodified programs in one containerd namespace, as people call them. */
export class ClientPrograms {
  readonly berth: ClientHost;
  readonly namespace: string;

  constructor(berth: ClientHost, namespace: string) {
    this.berth = berth;
    this.namespace = namespace;
  }

  /** For the files of a test. */
  path(name: string): string {
    return join(this.berth.directory, name);
  }

  get nerdctlArguments(): readonly string[] {
    return [
      ...["--address", this.berth.socket, "--namespace", this.namespace, "--data-root", this.path("nerdctl")],
      ...["--cni-path", "/usr/lib/cni", "--cni-netconfpath", this.path("nerdctl-networks")],
    ];
  }

  get ctrArguments(): readonly string[] {
    return ["--address", this.berth.socket, "--namespace", this.namespace];
  }

  /** What `ctr` prints, without its last line's end; rejects if it fails. */
  ctr(...args: readonly string[]): Promise<string> {
    return this.#printed("ctr", [...this.ctrArguments, ...args]);
  }

  /** What `nerdctl` prints, without its last line's end; rejects if it fails. */
  nerdctl(...args: readonly string[]): Promise<string> {
    return this.#printed("nerdctl", [...this.nerdctlArguments, ...args]);
  }

  /** Whatever it ends with; it may be given a standard input. */
  async say(program: "ctr" | "nerdctl", args: readonly string[], input = ""): Promise<Said> {
    const own = program === "ctr" ? this.ctrArguments : this.nerdctlArguments;
    const running = this.#run(clientProgram(program), [...own, ...args]);
    running.child.stdin?.end(input);
    return await running.then(
      ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
      ({ stdout, stderr, code }: Said) => ({ stdout, stderr, code }),
    );
  }

  /**
   * With a terminal of util-linux's `script`, whose screen is the answer. Nobody types, and its input stays
   * open: at the end of that `script` may lose what is written last.
   */
  async onTerminal(program: "ctr" | "nerdctl", ...args: readonly string[]): Promise<string> {
    const own = program === "ctr" ? this.ctrArguments : this.nerdctlArguments;
    const command = [clientProgram(program), ...own, ...args].map((word) => `'${word}'`).join(" ");
    const { stdout } = await this.#run("script", ["-qec", command, "/dev/null"]);
    return stdout.replaceAll("\r", "");
  }

  async #printed(program: string, args: readonly string[]): Promise<string> {
    const running = this.#run(clientProgram(program), args);
    running.child.stdin?.end();
    return (await running).stdout.trimEnd();
  }

  #run(program: string, args: readonly string[]) {
    // Their files of a user's; and nerdctl runs buildctl.
    const [home, path] = [this.path("home"), `${dirname(clientProgram("buildctl"))}:${process.env.PATH}`];
    const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, PATH: path };
    return promisify(execFile)(program, args, {
      env,
      maxBuffer: 2 ** 24,
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
  }

  /** Tasks run on when a daemon ends: a test takes its own away, with their cgroups and bridge. */
  async removeTasks(): Promise<void> {
    using clients = new ContainerdClients(this.berth.socket);
    const { containers, tasks } = clients.in(this.namespace);
    // Those of pods go with the pods.
    const ofPods = await containers.list({ filters: ['labels."io.cri-containerd.kind"'] });
    const left = new Set(ofPods.containers.map(({ id }) => id));
    for (const { containerId } of (await tasks.list({ filter: "" })).tasks) {
      if (left.has(containerId)) continue;
      // One that has ended cannot be killed.
      await tasks.kill({ containerId, execId: "", signal: 9, all: true }).catch(() => undefined);
      await tasks.wait({ containerId, execId: "" });
      await tasks.delete({ containerId });
    }
    const layout = await cgroupLayout();
    if (layout !== undefined) await removeCgroup(layout, `/${this.namespace}`);
    // The default network's addresses are the same in every test, and nerdctl leaves its bridge.
    await promisify(execFile)("ip", ["link", "delete", "nerdctl0"]).catch(() => undefined);
  }
}

/**
 * A daemon and a registry for the tests of one `describe`, and client programs in a namespace, of a name of
 * its own unless it is given.
 */
export function withClients(options: BerthOptions = {}, namespace = `clients-${process.pid}`) {
  let programs: ClientPrograms | undefined;
  // Before the daemon ends, as hooks run in the order of their making.
  after(() => programs?.removeTasks());
  const host = withBerth(options);
  before(async () => {
    programs = new ClientPrograms(host.berth, namespace);
    await mkdir(programs.path("home"));
  });
  return {
    get berth() {
      return host.berth;
    },
    get image() {
      return host.image;
    },
    get registry() {
      return host.registry;
    },
    get programs() {
      if (programs === undefined) throw new Error("used before it was started");
      return programs;
    },
  };
}
