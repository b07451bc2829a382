import { nowNs } from "../../ground/clock/index.ts";
import type { Handlers } from "../../ground/grpc/index.ts";
import { isRecord } from "../../ground/json/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import type { Envelope, ForeignEnvelope } from "../../services/events/index.ts";
import { checkNamespace, isIdentifier } from "../../services/namespaces/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { toEventMessage } from "./event-messages.ts";
import { fromTimestamp, toAny, toTimestamp, toValue } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";

type EventHandlers = Handlers<typeof containerd.eventsV1.EventsService, ContainerdCall>;

type Shown = containerd.types.Envelope & { readonly event: containerd.types.Any };

/** The service Events: events of all namespaces, from berth and from clients. */
export function eventHandlers({ events }: Pick<ServiceOptions, "events">): EventHandlers {
  return {
    async publish({ topic, event }, { namespace }) {
      checkTopic(topic);
      const { name } = await namespace();
      events.publishForeign({ atNs: nowNs(), namespace: name, topic, foreign: toValue(event) });
      return {};
    },

    forward({ envelope }) {
      const { namespace = "", topic = "", timestamp, event } = envelope ?? {};
      checkNamespace(namespace);
      checkTopic(topic);
      if (timestamp === undefined)
        throw new ContainerdError("InvalidArgument", "envelope.timestamp: must be set on a forwarded event");
      events.publishForeign({ atNs: fromTimestamp(timestamp), namespace, topic, foreign: toValue(event) });
      return {};
    },

    async *subscribe({ filters }, { signal }) {
      const matches = parseFilters(filters);
      const shown = (envelope: Envelope | ForeignEnvelope): Shown | undefined => {
        const message = messageOf(envelope);
        if (message === undefined || !matches((path) => fieldOf(envelope, message.fields, path)))
          return undefined;
        const { atNs, namespace, topic } = envelope;
        return { timestamp: toTimestamp(atNs), namespace, topic, event: message.any };
      };
      yield* events.subscribeAll(signal, shown, ({ topic, event }) => topic.length + event.value.length);
    },
  };
}

/** Topics are paths of identifiers, by containerd's rule (core/events/exchange). Throws InvalidArgument. */
function checkTopic(topic: string): void {
  const parts = topic.split("/");
  if (parts.length < 2 || parts[0] !== "" || !parts.slice(1).every(isIdentifier))
    throw new ContainerdError(
      "InvalidArgument",
      `topic ${JSON.stringify(topic.slice(0, 200))} must start with a slash and have identifiers between slashes`,
    );
}

function messageOf(envelope: Envelope | ForeignEnvelope) {
  return "foreign" in envelope ? { any: toAny(envelope.foreign), fields: {} } : toEventMessage(envelope);
}

function fieldOf(
  { namespace, topic }: Envelope | ForeignEnvelope,
  fields: Readonly<Record<string, unknown>>,
  [field, ...path]: readonly string[],
): string | undefined {
  switch (field) {
    case "namespace":
      return namespace;
    case "topic":
      return topic;
    case "event":
      return fieldOfEvent(fields, path);
    default:
      return undefined;
  }
}

/**
 * The value of a text field of containerd's message, such as `container_id`, `labels.NAME` or `io.stdout`. As
 * in containerd, empty ones are not there.
 */
function fieldOfEvent(
  fields: Readonly<Record<string, unknown>>,
  [name = "", ...rest]: readonly string[],
): string | undefined {
  const value = fields[name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  if (typeof value === "string") return value === "" ? undefined : value;
  if (!isRecord(value)) return undefined;
  return name === "labels" ? fieldOfLabels(value as Labels, rest) : fieldOfEvent(value, rest);
}
