import type { Command } from "commander";
import {
  type RuntimeFeatures,
  RuntimeServiceService,
  StatusRequest,
  StatusResponse,
  VersionRequest,
  type VersionResponse,
} from "../../../ground/protocol/index.ts";
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
import { type Style, styleFor } from "../output/style.ts";
import { renderTable } from "../output/table.ts";
import { parseInfo } from "../output/verbose-info.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & OutputOptions;

const description = `Shows which runtime serves the CRI endpoint, whether it is ready (and if not, why), and its
runtime handlers. -o json and yaml show everything that the runtime reports about itself.`;

const examples = `
Examples:
  berth info
  berth info -o json | jq '.status.conditions'
`;

export function define(command: Command, invocation: Invocation): void {
  command.description(description);
  addOutputOption(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => printInfo(optionsOf<Options>(command), invocation));
}

async function printInfo(options: Options, invocation: Invocation): Promise<void> {
  const { output = "table" } = options;
  const { stdout, env } = invocation.io;
  using client = await connect(options, invocation);
  const [version, status] = await Promise.all([
    client.unary(RuntimeServiceService.version, VersionRequest.fromPartial({})),
    client.unary(RuntimeServiceService.status, StatusRequest.fromPartial({ verbose: true })),
  ]);
  await write(
    stdout,
    output === "table"
      ? summary(version, status, styleFor(stdout, env))
      : await renderStructured(details(status), output),
  );
}

function details(response: StatusResponse): unknown {
  const withoutInfo = toProtobufJson(StatusResponse, { ...response, info: {} });
  return { ...(withoutInfo as object), info: undefined, ...parseInfo(response.info) };
}

function summary(
  version: VersionResponse,
  { status, runtimeHandlers, features }: StatusResponse,
  style: Style,
): string {
  const heading = `${version.runtimeName} ${version.runtimeVersion}, CRI ${version.runtimeApiVersion}\n`;
  const conditions = renderTable(
    [
      { title: "CONDITION", value: ({ type }) => type },
      {
        title: "STATE",
        value: (condition) => (condition.status ? "ok" : "not ok"),
        paint: (text, condition) => (condition.status ? style.green(text) : style.red(text)),
      },
      { title: "REASON", value: ({ reason }) => reason },
      { title: "MESSAGE", value: ({ message }) => message },
    ],
    status?.conditions ?? [],
  );
  const handlers = renderTable(
    [
      { title: "HANDLER", value: ({ name }) => name || "(default)" },
      { title: "USER NAMESPACES", value: ({ features }) => yesNo(features?.userNamespaces) },
      {
        title: "RECURSIVE READ-ONLY MOUNTS",
        value: ({ features }) => yesNo(features?.recursiveReadOnlyMounts),
      },
      { title: "CGROUP NAMESPACES", value: ({ features }) => yesNo(features?.cgroupNamespaces) },
    ],
    runtimeHandlers,
  );
  const parts = [heading, conditions];
  if (runtimeHandlers.length > 0) parts.push(handlers);
  if (features !== undefined) parts.push(featureTable(features));
  return parts.join("\n");
}

function featureTable(features: RuntimeFeatures): string {
  const rows: readonly (readonly [name: string, has: boolean])[] = [
    ["supplemental groups policy", features.supplementalGroupsPolicy],
    ["user namespaces on the host's network", features.userNamespacesHostNetwork],
    ["mount options", features.mountOptions],
    ["cgroup mount modes", features.cgroupMountMode],
    ["seccomp profiles from registries", features.seccompProfileOci],
  ];
  const columns = [
    { title: "FEATURE", value: ([name]: (typeof rows)[number]) => name },
    { title: "SUPPORTED", value: ([, has]: (typeof rows)[number]) => yesNo(has) },
  ];
  return renderTable(columns, rows);
}

function yesNo(value: boolean | undefined): string {
  return value === true ? "yes" : "no";
}
