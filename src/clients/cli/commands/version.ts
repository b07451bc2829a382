import type { Command } from "commander";
import { RuntimeServiceService, VersionRequest, VersionResponse } from "../../../ground/protocol/index.ts";
import { berthVersion } from "../../../ground/version/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addOutputOption,
  type ConnectionOptions,
  type OutputOptions,
  optionsOf,
} from "../options.ts";
import { renderStructured, toProtobufJson } from "../output/structured.ts";
import { printable } from "../output/table.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & OutputOptions;

const examples = `
Examples:
  berth version
  berth --address /run/containerd/containerd.sock version -o json
`;

export function define(command: Command, invocation: Invocation): void {
  command.description("Shows the versions of this command and of the runtime at the CRI endpoint.");
  addOutputOption(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => printVersions(optionsOf<Options>(command), invocation));
}

async function printVersions(options: Options, invocation: Invocation): Promise<void> {
  const { output = "table" } = options;
  const { stdout } = invocation.io;
  const client = { version: berthVersion, node: process.versions.node };
  if (output === "table")
    await write(stdout, `berth            ${client.version} (Node.js ${client.node})\n`);
  using connection = await connect(options, invocation);
  const runtime = await connection.unary(RuntimeServiceService.version, VersionRequest.fromPartial({}));
  if (output === "table")
    await write(
      stdout,
      `${printable(runtime.runtimeName).padEnd(16)} ${printable(runtime.runtimeVersion)} (CRI ${printable(runtime.runtimeApiVersion)})\n`,
    );
  else
    await write(
      stdout,
      await renderStructured({ client, runtime: toProtobufJson(VersionResponse, runtime) }, output),
    );
}
