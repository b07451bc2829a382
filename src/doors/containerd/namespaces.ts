import type { Handlers } from "../../ground/grpc/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { labelsOfMask } from "./field-mask.ts";
import type { ServiceOptions } from "./options.ts";

type NamespaceHandlers = Handlers<typeof containerd.namespacesV1.NamespacesService, ContainerdCall>;

/** The service Namespaces. Its calls need no namespace header. */
export function namespaceHandlers({ storage }: ServiceOptions): NamespaceHandlers {
  const { namespaces } = storage;
  return {
    get: ({ name }) => ({ namespace: toMessage(namespaces.get(name)) }),

    list({ filter }) {
      const matches = parseFilters(filter === "" ? [] : [filter]);
      const used = storage.usedNamespaces().map((name) => namespaces.get(name));
      return {
        namespaces: used.filter((each) => matches((path) => fieldOf(each, path))).map(toMessage),
      };
    },

    async create({ namespace }) {
      const { name, labels } = required(namespace);
      return { namespace: toMessage(await namespaces.create(name, labels)) };
    },

    async update({ namespace, updateMask = [] }) {
      const { name, labels } = required(namespace);
      const updated =
        updateMask.length === 0
          ? await namespaces.setLabels(name, labels, "replace")
          : await namespaces.setLabels(name, labelsOfMask(updateMask, labels));
      return { namespace: toMessage(updated) };
    },

    async delete({ name }) {
      await storage.deleteNamespace(name);
      return {};
    },
  };
}

type Namespace = { readonly name: string; readonly labels: Labels };

function toMessage({ name, labels }: Namespace): containerd.namespacesV1.Namespace {
  return { name, labels: { ...labels } };
}

function fieldOf({ name, labels }: Namespace, [field, ...rest]: readonly string[]): string | undefined {
  if (field === "name") return name;
  return field === "labels" ? fieldOfLabels(labels, rest) : undefined;
}

function required(namespace: Namespace | undefined): Namespace {
  if (namespace !== undefined) return namespace;
  throw new ContainerdError("InvalidArgument", "namespace: missing in the request");
}
