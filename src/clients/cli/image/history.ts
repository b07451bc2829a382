import { type Command, Option } from "commander";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type Column, renderTable } from "../output/table.ts";
import { formatAge, formatBytes, shortId } from "../output/units.ts";
import { write } from "../output/write.ts";
import { type BuildStep, buildSteps } from "./build-steps.ts";
import { inspectImage } from "./inspected-image.ts";

type Options = ConnectionOptions & {
  readonly format?: "table" | "json";
  readonly human?: boolean;
  readonly quiet?: boolean;
  readonly trunc?: boolean;
  readonly platform?: string;
};

const description = `Shows the steps that an image was built in, the last one first, from its
configuration. SIZE is the disk usage of the files in a step's layer.`;

const examples = `
Examples:
  berth image history busybox
  berth image history --no-trunc --format json busybox | jq -r .CreatedBy
`;

/** What docker shows instead of the id of an image that does not exist here. */
const noId = "<missing>";
const commandWidth = 45;

export function defineHistory(command: Command, invocation: Invocation): void {
  const showing = command
    .command("history")
    .summary("show the steps that an image was built in")
    .description(description)
    .argument("<image>", "reference or id of the image")
    .addOption(new Option("--format <format>", "format (default table)").choices(["table", "json"]))
    .option("-H, --human", "show human-readable sizes and times (default)")
    .option("--no-human", "show sizes in bytes and full times")
    .option("--platform <platform>", "show the image for this platform, for example linux/arm64")
    .option("-q, --quiet", "print ids only")
    .option("--no-trunc", "do not shorten ids and commands");
  addConnectionOptions(showing)
    .addHelpText("after", examples)
    .action((name: string) => showHistory(name, optionsOf<Options>(showing), invocation));
}

async function showHistory(name: string, options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const { platform } = options;
  const inspected = await inspectImage(client, { image: name, platform }, "image history");
  const nowMs = Date.now();
  const { id } = inspected.answer;
  const rows = buildSteps(inspected)
    .reverse()
    .map((step, position) => toRow(step, position === 0 ? id : noId, options, nowMs));
  await write(invocation.io.stdout, render(rows, options));
}

type Row = {
  readonly id: string;
  readonly created: string;
  readonly since: string;
  readonly command: string;
  readonly size: string;
  readonly comment: string;
};

function toRow(step: BuildStep, id: string, { human = true, trunc = true }: Options, nowMs: number): Row {
  const createdMs = Date.parse(step.created);
  const since = Number.isNaN(createdMs) ? "" : formatAge(BigInt(createdMs) * 1_000_000n, nowMs);
  const bytes = step.unpackedBytes;
  const command = step.createdBy.replace(/\s+/g, " ");
  return {
    id: trunc ? shortId(id) : id,
    created: step.created,
    since: human ? since : step.created,
    command: trunc && command.length > commandWidth ? `${command.slice(0, commandWidth - 1)}…` : command,
    size: bytes === undefined ? "" : human ? formatBytes(bytes) : String(bytes),
    comment: step.comment,
  };
}

const columns: readonly Column<Row>[] = [
  { title: "IMAGE", value: ({ id }) => id },
  { title: "CREATED", value: ({ since }) => since },
  { title: "CREATED BY", value: ({ command }) => command },
  { title: "SIZE", value: ({ size }) => size },
  { title: "COMMENT", value: ({ comment }) => comment },
];

function render(rows: readonly Row[], { format = "table", quiet }: Options): string {
  if (quiet === true) return rows.map(({ id }) => `${id}\n`).join("");
  return format === "table"
    ? renderTable(columns, rows)
    : rows.map((row) => `${JSON.stringify(dockerRow(row))}\n`).join("");
}

/** A row with the keys of `docker image history --format json`, which prints one line for each. */
function dockerRow({ id, created, since, command, size, comment }: Row): object {
  return {
    Comment: comment,
    CreatedAt: created,
    CreatedBy: command,
    CreatedSince: since,
    ID: id,
    Size: size,
  };
}
