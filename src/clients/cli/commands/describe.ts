import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parseObjects } from "../objects/kind-names.ts";
import { listObjects, onManager } from "../objects/manager-calls.ts";
import { withoutSecrets } from "../objects/without-secrets.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { renderStructured } from "../output/structured.ts";
import { renderTable } from "../output/table.ts";
import { formatAge } from "../output/units.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & { readonly namespace?: string };

const description = `Shows an object of berthd's pod manager, with its status and recent events.
Values of secrets are not shown.`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<object...>", "KIND NAME..., or KIND/NAME...")
    .option("-n, --namespace <namespace>", 'namespace of the objects (default "default")');
  addConnectionOptions(command).action((objects: string[]) =>
    describe(objects, optionsOf<Options>(command), invocation),
  );
}

async function describe(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const { io } = invocation;
  using client = await connect(options, invocation);
  for (const { kind, name } of parseObjects(words)) {
    const namespace = kind === "Namespace" ? "" : (options.namespace ?? "default");
    const found = (await listObjects(client, { kind })).find(
      (one) => one.name === name && one.namespace === namespace,
    );
    if (found === undefined) throw new CliError("NotFound", `${kind} ${namespace}/${name} not found`);
    await write(io.stdout, await renderStructured(withoutSecrets(found.object), "yaml"));
    const request = berthV1.ListObjectEventsRequest.fromPartial({ object: { kind, namespace, name } });
    const { events } = await onManager(client.unary(berthV1.ManagerService.listObjectEvents, request));
    if (events.length === 0) continue;
    const nowMs = Date.now();
    const table = renderTable(
      [
        { title: "AGE", value: ({ at }) => formatAge(at, nowMs) },
        { title: "COUNT", value: ({ count }) => String(count) },
        { title: "TYPE", value: ({ type }) => type },
        { title: "REASON", value: ({ reason }) => reason },
        { title: "MESSAGE", value: ({ message }) => message },
      ],
      events,
    );
    await write(io.stdout, `\n${table}`);
  }
}
