import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { type ObjectArgument, objectNotFound, parseObjects } from "../objects/kind-names.ts";
import { type ListedObject, listObjects, onManager } from "../objects/manager-calls.ts";
import { kindOfRevisions, revisionsOf } from "../objects/revisions.ts";
import { rolloutState } from "../objects/rollout-state.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { renderStructured } from "../output/structured.ts";
import { renderTable } from "../output/table.ts";
import { write } from "../output/write.ts";
import { parseDuration } from "../values/duration.ts";
import { parseCount } from "../values/numbers.ts";
import { adviseOnUnknown } from "./advice.ts";
import { eachOf } from "./each-name.ts";

type Options = ConnectionOptions & { readonly namespace?: string };
type RevisionOptions = Options & { readonly revision?: string; readonly toRevision?: string };
type StatusOptions = Options & { readonly watch: boolean; readonly within?: string };

const objectsArgument = ["<object...>", "KIND NAME..., or KIND/NAME..."] as const;
/** How often a followed rollout is fetched. */
const pollMs = 500;

export function define(command: Command, invocation: Invocation): void {
  command.description("Manages rollouts of objects of berthd's pod manager.");
  adviseOnUnknown(command, "berth rollout");
  const of = (name: string, summary: string, description: string) =>
    addConnectionOptions(
      command
        .command(name)
        .summary(summary)
        .description(description)
        .argument(...objectsArgument)
        .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")'),
    );
  const restart = of(
    "restart",
    "replace the pods of a Deployment, StatefulSet or DaemonSet",
    "Replaces the pods of a Deployment, StatefulSet or DaemonSet according to its update strategy.",
  );
  restart.action((objects: string[]) => restartAll(objects, optionsOf<Options>(restart), invocation));
  const status = of(
    "status",
    "follow a rollout to its end",
    `Follows the rollout of a Deployment, StatefulSet or DaemonSet until all of its pods are the new ones and available.
Fails if a Deployment makes no progress for longer than its progressDeadlineSeconds.`,
  )
    .option("--no-watch", "print the current state and exit")
    .option("--within <duration>", "fail after this time, such as 90s or 5m");
  status.action((objects: string[]) => followAll(objects, optionsOf<StatusOptions>(status), invocation));
  const history = of(
    "history",
    "list the revisions of a Deployment, StatefulSet or DaemonSet",
    `Lists the revisions of a Deployment, StatefulSet or DaemonSet: its current and earlier templates, as many as its revisionHistoryLimit keeps.
CHANGE-CAUSE is the annotation kubernetes.io/change-cause that a revision was applied with.`,
  ).option("--revision <number>", "show the template of this revision");
  history.action((objects: string[]) => listAll(objects, optionsOf<RevisionOptions>(history), invocation));
  const undo = of(
    "undo",
    "go back to an earlier revision",
    "Gives a Deployment, StatefulSet or DaemonSet the template of an earlier revision, and replaces its pods according to its update strategy.",
  ).option("--to-revision <number>", "revision to return to (default: the previous one)");
  undo.action((objects: string[]) => undoAll(objects, optionsOf<RevisionOptions>(undo), invocation));
}

async function restartAll(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const objects = parseObjects(words);
  using client = await connect(options, invocation);
  const { namespace = "default" } = options;
  const restartOne = async (object: ObjectArgument) => {
    const request = berthV1.RestartObjectRequest.fromPartial({ object: { ...object, namespace } });
    await onManager(client.unary(berthV1.ManagerService.restartObject, request));
    await write(invocation.io.stdout, `${written(object)} restarted\n`);
  };
  await eachOf(objects, restartOne, invocation);
}

async function undoAll(
  words: readonly string[],
  options: RevisionOptions,
  invocation: Invocation,
): Promise<void> {
  const to = revisionNumber(options.toRevision, "--to-revision");
  const objects = parseObjects(words);
  using client = await connect(options, invocation);
  const { namespace = "default" } = options;
  const undoOne = async (object: ObjectArgument) => {
    const request = berthV1.UndoRolloutRequest.fromPartial({
      object: { ...object, namespace },
      revision: to ?? 0,
    });
    const { revision } = await onManager(client.unary(berthV1.ManagerService.undoRollout, request));
    const done = revision === 0 ? "already has this template" : `rolled back to revision ${revision}`;
    await write(invocation.io.stdout, `${written(object)} ${done}\n`);
  };
  await eachOf(objects, undoOne, invocation);
}

async function listAll(
  words: readonly string[],
  options: RevisionOptions,
  invocation: Invocation,
): Promise<void> {
  const wanted = revisionNumber(options.revision, "--revision");
  const { stdout } = invocation.io;
  const objects = parseObjects(words);
  using client = await connect(options, invocation);
  const listOne = async (object: ObjectArgument) => {
    const kind = kindOfRevisions(object.kind);
    const found = await find(client, object, options);
    const revisions = revisionsOf(found, await listObjects(client, { kind }));
    if (wanted === undefined) {
      const table = renderTable(
        [
          { title: "REVISION", value: ({ revision }) => String(revision) },
          { title: "CHANGE-CAUSE", value: ({ cause }) => cause || "-" },
          { title: "IMAGES", value: ({ images }) => images.join(", ") },
        ],
        revisions,
      );
      return await write(stdout, `${written(object)}\n${table}`);
    }
    const one = revisions.find(({ revision }) => revision === wanted);
    if (one === undefined) throw new CliError("NotFound", `${written(object)} has no revision ${wanted}`);
    await write(stdout, await renderStructured(one.template, "yaml"));
  };
  await eachOf(objects, listOne, invocation);
}

async function followAll(
  words: readonly string[],
  options: StatusOptions,
  invocation: Invocation,
): Promise<void> {
  const { within } = options;
  const limitMs = within === undefined ? undefined : parseDuration(within, "--within");
  const objects = parseObjects(words);
  using client = await connect(options, invocation);
  const endMs = limitMs === undefined ? undefined : performance.now() + limitMs;
  for (const object of objects) {
    let printed = "";
    while (true) {
      const state = rolloutState(await find(client, object, options));
      const text = `${written(object)}: ${state.message}\n`;
      if (state.kind === "failed") throw new CliError("DeadlineExceeded", text.trimEnd());
      if (text !== printed) await write(invocation.io.stdout, text);
      printed = text;
      if (state.kind === "done" || !options.watch) break;
      if (endMs !== undefined && performance.now() >= endMs)
        throw new CliError("DeadlineExceeded", `${written(object)} was not rolled out within ${within}`);
      await delay(pollMs, undefined, { signal: invocation.signal });
    }
  }
}

async function find(client: Client, object: ObjectArgument, options: Options): Promise<ListedObject> {
  const { namespace = "default" } = options;
  const listed = await listObjects(client, { kind: object.kind, namespace });
  const found = listed.find((one) => one.name === object.name);
  if (found === undefined) throw objectNotFound(object, namespace);
  return found;
}

function revisionNumber(text: string | undefined, option: string): number | undefined {
  return text === undefined ? undefined : parseCount(text, option);
}

function written({ kind, name }: ObjectArgument): string {
  return `${kind.toLowerCase()}/${name}`;
}
