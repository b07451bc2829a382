import { isRecord } from "../../../ground/json/index.ts";
import {
  ContainerConfig,
  ContainerStatusRequest,
  PodSandboxConfig,
  PodSandboxStatusRequest,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findPod, listContainers } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import { parseInfo } from "../output/verbose-info.ts";

/** The configurations with which a pod and its containers were created. */
export type PodConfigurations = {
  readonly sandbox: PodSandboxConfig;
  readonly runtimeHandler: string;
  /** The last attempt of each name, in the order of creation. */
  readonly containers: readonly ContainerConfig[];
};

/**
 * The configurations of a pod that the runtime has stored, as berthd and containerd report them. Throws
 * CliError FailedPrecondition for a runtime that does not.
 */
export async function podConfigurations(client: Client, name: string): Promise<PodConfigurations> {
  const { id } = await findPod(client, name);
  const request = PodSandboxStatusRequest.fromPartial({ podSandboxId: id, verbose: true });
  const { status, info } = await client.unary(RuntimeServiceService.podSandboxStatus, request);
  const own = (await listContainers(client)).filter(({ container }) => container.podSandboxId === id);
  const ordered = own
    .map(({ container }) => container)
    .toSorted((one, other) => Number(one.createdAt - other.createdAt));
  const last = new Map(ordered.map((container) => [container.metadata?.name, container]));
  return {
    sandbox: PodSandboxConfig.fromJSON(configOf(info, `pod ${name}`)),
    runtimeHandler: status?.runtimeHandler ?? "",
    containers: await Promise.all([...last.values()].map(({ id: one }) => containerConfigOf(client, one))),
  };
}

async function containerConfigOf(client: Client, containerId: string): Promise<ContainerConfig> {
  const request = ContainerStatusRequest.fromPartial({ containerId, verbose: true });
  const { info } = await client.unary(RuntimeServiceService.containerStatus, request);
  const config = configOf(info, `container ${containerId}`);
  // Their values are in the info as plain text, not in base64.
  const envs = Array.isArray(config.envs) ? config.envs.map(encodedVariable) : [];
  return ContainerConfig.fromJSON({ ...config, envs });
}

function encodedVariable(variable: unknown): unknown {
  if (!isRecord(variable) || typeof variable.value !== "string") return variable;
  return { ...variable, value: Buffer.from(variable.value).toString("base64") };
}

function configOf(info: Readonly<Record<string, string>>, what: string): Record<string, unknown> {
  const { info: parsed } = parseInfo(info);
  if (isRecord(parsed) && isRecord(parsed.config)) return parsed.config;
  throw new CliError(
    "FailedPrecondition",
    `the runtime does not report how ${what} was configured; only berthd and containerd do`,
  );
}
