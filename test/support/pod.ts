import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ContainerConfig,
  ContainerState,
  type ContainerStatus,
  type PodSandboxConfig,
} from "../../src/ground/protocol/index.ts";
import type { TestBerth } from "./berth.ts";
import { eventually } from "./condition.ts";
import { podConfig, shellConfig } from "./requests.ts";

/** A daemon that answers. */
export type PodHost = Pick<TestBerth, "clients" | "logDir">;

/** The usual operations of a test with a daemon: run, inspect, wait. */
export class TestPod {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly #berth: PodHost;

  private constructor(berth: PodHost, config: PodSandboxConfig, id: string) {
    this.#berth = berth;
    this.config = config;
    this.id = id;
  }

  static async run(
    berth: PodHost,
    name: string,
    overrides: Parameters<typeof podConfig>[1] = {},
    runtimeHandler = "",
  ): Promise<TestPod> {
    const config = podConfig(name, { logDirectory: join(berth.logDir, name), ...overrides });
    const { podSandboxId } = await berth.clients.runtime.runPodSandbox({ config, runtimeHandler });
    return new TestPod(berth, config, podSandboxId);
  }

  async create(config: ContainerConfig): Promise<string> {
    const request = { podSandboxId: this.id, config, sandboxConfig: this.config };
    return (await this.#berth.clients.runtime.createContainer(request)).containerId;
  }

  /** Creates and starts a shell script; returns the container's id. */
  async shell(
    name: string,
    image: string,
    script: string,
    overrides: Parameters<typeof shellConfig>[3] = {},
  ): Promise<string> {
    const containerId = await this.create(shellConfig(name, image, script, overrides));
    await this.#berth.clients.runtime.startContainer({ containerId });
    return containerId;
  }

  /** Runs a shell script to its end and returns what it wrote to standard output. */
  async output(
    name: string,
    image: string,
    script: string,
    overrides: Parameters<typeof shellConfig>[3] = {},
  ): Promise<string> {
    await exited(this.#berth, await this.shell(name, image, script, overrides));
    const lines = (await this.log(name)).filter((line) => line.startsWith("stdout "));
    return lines.map((line) => `${line.replace(/^stdout [FP] /, "")}${line[7] === "F" ? "\n" : ""}`).join("");
  }

  async ip(): Promise<string> {
    const { status } = await this.#berth.clients.runtime.podSandboxStatus({
      podSandboxId: this.id,
      verbose: false,
    });
    return status?.network?.ip ?? "";
  }

  /** The log as written, each line without its time. */
  async log(name: string): Promise<readonly string[]> {
    const text = await readFile(join(this.config.logDirectory, `${name}.log`), "utf8");
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.slice(line.indexOf(" ") + 1));
  }
}

export async function containerStatus(berth: PodHost, containerId: string): Promise<ContainerStatus> {
  const { status } = await berth.clients.runtime.containerStatus({ containerId, verbose: false });
  if (status === undefined) throw new Error(`no status of container ${containerId}`);
  return status;
}

/** Waits for the container's end. */
export function exited(
  berth: PodHost,
  containerId: string,
  limits?: { readonly limitMs: number },
): Promise<ContainerStatus> {
  const hasExited = async () => {
    const status = await containerStatus(berth, containerId);
    return status.state === ContainerState.CONTAINER_EXITED && status;
  };
  return eventually(`container ${containerId} has exited`, hasExited, limits);
}

/** Runs a command in a container and returns its output; fails if the command fails. */
export async function execSync(berth: PodHost, containerId: string, ...cmd: string[]): Promise<string> {
  const answer = await berth.clients.runtime.execSync({ containerId, cmd, timeout: 30n });
  if (answer.exitCode !== 0)
    throw new Error(`${cmd.join(" ")}: exit code ${answer.exitCode}: ${answer.stderr}`);
  return answer.stdout.toString();
}
