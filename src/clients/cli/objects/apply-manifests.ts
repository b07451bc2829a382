import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import type { Io } from "../invocation.ts";
import { write } from "../output/write.ts";
import { onManager } from "./manager-calls.ts";

export type ApplyOptions = {
  /** Only reports what would be done. */
  readonly dryRun?: boolean;
  /** Deletes and recreates objects that cannot be changed. */
  readonly replace?: boolean;
};

const words = {
  [berthV1.ApplyOutcome.APPLY_OUTCOME_CREATED]: "created",
  [berthV1.ApplyOutcome.APPLY_OUTCOME_CONFIGURED]: "configured",
  [berthV1.ApplyOutcome.APPLY_OUTCOME_UNCHANGED]: "unchanged",
  [berthV1.ApplyOutcome.APPLY_OUTCOME_REPLACED]: "replaced",
} as Readonly<Record<number, string>>;

/** Sends manifests to berthd's manager, and reports the result for each object. Throws CliError. */
export async function applyManifests(
  client: Client,
  manifests: readonly object[],
  { dryRun = false, replace = false }: ApplyOptions,
  { stdout }: Pick<Io, "stdout">,
): Promise<void> {
  const request = berthV1.ApplyObjectsRequest.fromPartial({
    manifests: manifests.map((manifest) => JSON.stringify(manifest)),
    dryRun,
    replace,
  });
  // Its warnings are known here, with files and lines.
  const { objects } = await onManager(client.unary(berthV1.ManagerService.applyObjects, request));
  const suffix = dryRun ? " (dry run)" : "";
  for (const { object, outcome } of objects)
    await write(
      stdout,
      `${object?.kind.toLowerCase()}/${object?.name} ${words[outcome] ?? "applied"}${suffix}\n`,
    );
}
