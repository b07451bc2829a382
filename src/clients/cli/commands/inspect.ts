import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import {
  ContainerStatus,
  ContainerStatusRequest,
  Image,
  PodSandboxStatus,
  PodSandboxStatusRequest,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findImage, findPodOrContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addOutputOption,
  addTypeOption,
  type ConnectionOptions,
  optionsOf,
  type TypeOption,
} from "../options.ts";
import { renderStructured, toProtobufJson } from "../output/structured.ts";
import { parseInfo } from "../output/verbose-info.ts";
import { write } from "../output/write.ts";
import { eachOf } from "./each-name.ts";

type Options = ConnectionOptions &
  TypeOption<"pod" | "container" | "image"> & { readonly output?: "json" | "yaml" };

const description = `Shows everything known about pods, containers or images: an object, or, for several names, a
list. "status" is the CRI's status; the other keys are additions by the runtime.`;

const examples = `
Examples:
  berth inspect web | jq -r .status.network.ip
  berth inspect --type container web
  berth inspect $(berth ps -q) | jq '.[].info.pid'
  berth inspect -o yaml registry.example/team/app:1.2
`;

export function define(command: Command, invocation: Invocation): void {
  command.description(description).argument("<name...>", "ids or names of pods, containers or images");
  addTypeOption(command, ["pod", "container", "image"]);
  addOutputOption(command, ["json", "yaml"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => inspect(names, optionsOf<Options>(command), invocation));
}

async function inspect(names: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const { type, output = "json" } = options;
  const inspectOne = (name: string) =>
    type === "image" ? inspectImage(client, name) : inspectAny(client, name, type);
  const [name = "", ...others] = names;
  const details = others.length === 0 ? await inspectOne(name) : await eachOf(names, inspectOne, invocation);
  await write(invocation.io.stdout, await renderStructured(details, output));
}

async function inspectAny(
  client: Client,
  name: string,
  type: "pod" | "container" | undefined,
): Promise<unknown> {
  try {
    const found = await findPodOrContainer(client, name, type);
    return found.kind === "pod"
      ? await inspectPod(client, found.pod.id)
      : await inspectContainer(client, found.container.id);
  } catch (error) {
    if (type !== undefined || !hasCode(error, "NotFound")) throw error;
    return await inspectImage(client, name).catch((imageError: unknown) => {
      throw hasCode(imageError, "NotFound") ? noSuchThing(name) : imageError;
    });
  }
}

function noSuchThing(name: string): CliError {
  return new CliError("NotFound", `no such pod, container or image: ${JSON.stringify(name)}`);
}

async function inspectPod(client: Client, podSandboxId: string): Promise<unknown> {
  const request = PodSandboxStatusRequest.fromPartial({ podSandboxId, verbose: true });
  const { status, info } = await client.unary(RuntimeServiceService.podSandboxStatus, request);
  if (status === undefined) throw noSuchThing(podSandboxId);
  return { status: toProtobufJson(PodSandboxStatus, status), ...parseInfo(info) };
}

async function inspectContainer(client: Client, containerId: string): Promise<unknown> {
  const request = ContainerStatusRequest.fromPartial({ containerId, verbose: true });
  const { status, info } = await client.unary(RuntimeServiceService.containerStatus, request);
  if (status === undefined) throw noSuchThing(containerId);
  return { status: toProtobufJson(ContainerStatus, status), ...parseInfo(info) };
}

async function inspectImage(client: Client, name: string): Promise<unknown> {
  const { image, info } = await findImage(client, name);
  return { status: toProtobufJson(Image, image), ...parseInfo(info) };
}
