import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parseKinds, parseObjects } from "../objects/kind-names.ts";
import { parseSelector } from "../objects/label-selector.ts";
import { type ListedObject, listObjects, onManager } from "../objects/manager-calls.ts";
import { addConnectionOptions, type ConnectionOptions, collect, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { isManifestFile, readManifestFiles } from "../play/read-files.ts";
import { reportFailure } from "../report-failure.ts";
import { parseCount } from "../values/numbers.ts";

type Options = ConnectionOptions & {
  readonly namespace?: string;
  readonly filename?: readonly string[];
  readonly gracePeriod?: string;
  readonly wait?: boolean;
  readonly ignoreNotFound?: boolean;
  readonly selector?: string;
  readonly all?: boolean;
};

const description = `Deletes objects of berthd's pod manager and everything that they created: by
kind and name, or those in manifests. Pods stop in order. Claims of a StatefulSet stay unless its
retention policy says otherwise.`;

const examples = `
Examples:
  berth delete deployment web
  berth delete pod/web job/count
  berth delete deployments,services -l app=web
  berth delete -f web.yaml
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[object...]", "KIND NAME..., or KIND/NAME...")
    .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")')
    .option("-f, --filename <file>", "delete the objects in these manifests (may be repeated)", collect)
    .option("-l, --selector <labels>", "delete objects of these kinds with these labels, such as app=web")
    .option("--all", "delete all objects of these kinds")
    .option("--grace-period <seconds>", "how long pods have to stop, instead of their own grace period")
    .option("--no-wait", "do not wait until they are deleted")
    .option("--ignore-not-found", "succeed even if an object does not exist, as with -l and --all");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((objects: string[]) => remove(objects, optionsOf<Options>(command), invocation));
}

async function remove(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  const { filename = [], gracePeriod, wait = true } = options;
  if ((words.length === 0) === (filename.length === 0))
    throw usageError("give either objects (KIND NAME) or manifests (-f FILE)");
  const [first = ""] = words;
  if (first === "-" || isManifestFile(first))
    throw usageError(
      `${JSON.stringify(first)} is not a kind; to delete the objects of manifests, use -f ${first}`,
    );
  const isSelection = options.selector !== undefined || options.all === true;
  if (filename.length > 0 && isSelection)
    throw usageError("all objects of the manifests are deleted: leave out --selector and --all");
  const grace = gracePeriod === undefined ? {} : { graceSeconds: parseCount(gracePeriod, "--grace-period") };
  // A selected object may have ended by itself in the meantime.
  const ignoresNotFound = options.ignoreNotFound === true || isSelection;
  const byManifests = filename.length > 0 ? await namedIn(filename, options, invocation) : undefined;
  using client = await connect(options, invocation);
  const named = byManifests ?? (await namedBy(words, options, client));
  const removals = named.map(async (object): Promise<"found" | "missing"> => {
    const { kind, name, namespace } = object;
    const request = berthV1.DeleteObjectRequest.fromPartial({
      object: { kind, name, namespace },
      wait,
      ...grace,
    });
    try {
      await onManager(
        client.unary(berthV1.ManagerService.deleteObject, request, { timeoutMs: Number.POSITIVE_INFINITY }),
      );
      await write(io.stdout, `${object.kind.toLowerCase()}/${object.name} deleted\n`);
      return "found";
    } catch (error) {
      if (!ignoresNotFound || !hasCode(error, "NotFound")) throw error;
      return isSelection ? "found" : "missing";
    }
  });
  const outcomes = await Promise.allSettled(removals);
  if (outcomes.every((outcome) => outcome.status === "fulfilled" && outcome.value === "missing"))
    await write(io.stdout, "No resources found\n");
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    const status = reportFailure(outcome.reason, invocation);
    if (invocation.exitCode === exitCode.ok) invocation.exitCode = status;
  }
}

type Named = Pick<ListedObject, "kind" | "name" | "namespace">;

/** The last ones come first. */
async function namedIn(
  files: readonly string[],
  { namespace }: Options,
  { io }: Invocation,
): Promise<readonly Named[]> {
  const manifests = await readManifestFiles(files, namespace, io);
  return manifests
    .toReversed()
    .map(({ kind, metadata }) => ({ kind, name: metadata.name, namespace: metadata.namespace }));
}

async function namedBy(
  words: readonly string[],
  { namespace = "default", selector, all = false }: Options,
  client: Client,
): Promise<readonly Named[]> {
  if (selector === undefined && !all)
    return parseObjects(words).map((one) => ({
      ...one,
      namespace: one.kind === "Namespace" ? "" : namespace,
    }));
  const [text = "", ...names] = words;
  const kinds = names.length > 0 || text.includes("/") ? [] : parseKinds(text);
  if (kinds.length === 0)
    throw usageError("--all and --selector need kinds, such as pods,services, and no names");
  const fits = selector === undefined ? () => true : parseSelector(selector);
  const within = kinds.includes("Namespace") ? "" : namespace;
  const listed = await listObjects(client, { namespace: within });
  return listed.filter(
    (one) =>
      kinds.some((kind) => kind === one.kind) &&
      (one.namespace === namespace || one.namespace === "") &&
      fits(one),
  );
}
