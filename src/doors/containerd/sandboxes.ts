import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import type { Sandbox } from "../../services/containers/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { checkExtensions, isPods, toAnys, toValues } from "./extensions.ts";
import { toAny, toTimestamp, toValue } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { withKnownRuntime } from "./pod-records.ts";
import { type RecordChange, recordChange } from "./record-change.ts";

type StoreHandlers = Handlers<typeof containerd.sandboxV1.StoreService, ContainerdCall>;
type Message = containerd.types.Sandbox;

/** The service Store: records of sandboxes, of pods and of clients. */
export function sandboxHandlers(options: Pick<ServiceOptions, "podRuntime">): StoreHandlers {
  const shown = (sandbox: Sandbox) => withKnownRuntime(sandbox, options);
  return {
    async create({ sandbox: given }, { namespace }) {
      const { sandboxes } = await namespace();
      const message = present(given);
      const { sandboxId: id, labels, runtime, spec, extensions, sandboxer } = message;
      checkExtensions(`sandbox ${id}`, extensions);
      const made = await sandboxes.create({
        id,
        labels,
        runtime: {
          name: runtime?.name ?? "",
          ...(runtime?.options && { options: toValue(runtime.options) }),
        },
        ...(spec && { spec: toValue(spec) }),
        extensions: toValues(extensions),
        sandboxer,
      });
      return { sandbox: toMessage(made) };
    },

    async update({ sandbox: given, fields }, { namespace }) {
      const { sandboxes } = await namespace();
      const message = present(given);
      const { sandboxId: id } = message;
      checkExtensions(`sandbox ${id}`, message.extensions, fields);
      const updated = await sandboxes.update(id, (before) => changeOf(shown(before), message, fields));
      return { sandbox: toMessage(shown(updated)) };
    },

    async delete({ sandboxId }, { namespace }) {
      const { sandboxes } = await namespace();
      if (isPods(sandboxes.get(sandboxId)))
        throw new ContainerdError(
          "FailedPrecondition",
          `sandbox ${sandboxId} is a pod; remove it with its client, such as crictl rmp or berth pod rm`,
        );
      await sandboxes.delete(sandboxId);
      return {};
    },

    async list({ filters }, { namespace }) {
      const matches = parseFilters(filters);
      const { sandboxes } = await namespace();
      return {
        list: sandboxes
          .list()
          .filter((sandbox) => matches((path) => fieldOf(sandbox, path)))
          .map((sandbox) => toMessage(shown(sandbox))),
      };
    },

    async get({ sandboxId }, { namespace }) {
      const { sandboxes } = await namespace();
      return { sandbox: toMessage(shown(sandboxes.get(sandboxId))) };
    },
  };
}

function present(sandbox: Message | undefined): Message {
  if (sandbox === undefined) throw new ContainerdError("InvalidArgument", "sandbox: must be set");
  return sandbox;
}

/** Without fields, all that can change is replaced (containerd's core/metadata). */
function changeOf(before: Sandbox, given: Message, fields: readonly string[]): RecordChange {
  if (fields.length === 0 && before.runtime.name !== given.runtime?.name)
    throw new ContainerdError("InvalidArgument", "sandbox.Runtime.Name field is immutable");
  const { labels, extensions, spec } = before;
  const paths = fields.length === 0 ? ["labels", "extensions", "spec"] : fields;
  return paths.reduce<RecordChange>((changed, path) => recordChange(path, changed, given), {
    labels,
    extensions,
    spec,
  });
}

function toMessage(sandbox: Sandbox): Message {
  const { id, labels, runtime, spec, extensions, sandboxer } = sandbox;
  return {
    sandboxId: id,
    runtime: { name: runtime.name, options: runtime.options && toAny(runtime.options) },
    spec: spec && toAny(spec),
    labels: { ...labels },
    createdAt: toTimestamp(sandbox.createdAtNs),
    updatedAt: toTimestamp(sandbox.updatedAtNs),
    extensions: toAnys(extensions),
    sandboxer,
  };
}

function fieldOf({ id, labels }: Sandbox, [field, ...rest]: readonly string[]): string | undefined {
  if (field === "id") return id;
  return field === "labels" ? fieldOfLabels(labels, rest) : undefined;
}
