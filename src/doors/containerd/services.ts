import type { ServiceDefinition } from "@grpc/grpc-js";
import {
  defineService,
  type GrpcService,
  type Handlers,
  type ServiceTraits,
} from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { type ContainerdCall, withNamespace } from "./call.ts";
import { containerHandlers } from "./containers.ts";
import { contentHandlers } from "./content.ts";
import { diffHandlers } from "./diff.ts";
import { eventHandlers } from "./events.ts";
import { imageHandlers } from "./images.ts";
import { introspectionHandlers } from "./introspection.ts";
import { leaseHandlers } from "./leases.ts";
import { mountHandlers } from "./mounts.ts";
import { namespaceHandlers } from "./namespaces.ts";
import type { ContainerdOptions, ServiceOptions } from "./options.ts";
import { plugins } from "./plugins.ts";
import { sandboxControllerHandlers } from "./sandbox-controller.ts";
import { sandboxHandlers } from "./sandboxes.ts";
import { snapshotHandlers } from "./snapshots.ts";
import { streamingHandlers } from "./streaming.ts";
import { Streams } from "./streams.ts";
import { taskHandlers } from "./tasks.ts";
import { transferHandlers } from "./transfer.ts";
import { versionHandlers } from "./version.ts";

type Row = {
  /** Id of the plugin of type io.containerd.grpc.v1 that serves it in containerd. */
  readonly id: string;
  readonly served: boolean;
  readonly make: (options: ServiceOptions) => GrpcService;
};

/**
 * All of containerd's gRPC services. A service without handlers is not served yet; its handlers belong in a
 * file of their own.
 */
const rows: readonly Row[] = [
  row("containers", containerd.containersV1.ContainersService, containerHandlers),
  row("content", containerd.ContentService, contentHandlers, { endless: ["write"], oneByOne: ["read"] }),
  row("diff", containerd.diffV1.DiffService, diffHandlers),
  row("events", containerd.eventsV1.EventsService, eventHandlers, {
    endless: ["subscribe"],
    anywhere: ["forward", "subscribe"],
  }),
  row("images", containerd.imagesV1.ImagesService, imageHandlers),
  row("introspection", containerd.introspectionV1.IntrospectionService, introspectionHandlers, {
    anywhere: ["plugins", "server", "pluginInfo"],
  }),
  row("leases", containerd.leasesV1.LeasesService, leaseHandlers),
  row("mounts", containerd.mountsV1.MountsService, mountHandlers),
  row("namespaces", containerd.namespacesV1.NamespacesService, namespaceHandlers, {
    anywhere: ["get", "list", "create", "update", "delete"],
  }),
  row("sandboxes", containerd.sandboxV1.StoreService, sandboxHandlers),
  row("sandbox-controllers", containerd.sandboxV1.ControllerService, sandboxControllerHandlers, {
    endless: ["wait"],
  }),
  row("snapshots", containerd.snapshotsV1.SnapshotsService, snapshotHandlers),
  row("streaming", containerd.streamingV1.StreamingService, streamingHandlers, { endless: ["stream"] }),
  row("tasks", containerd.tasksV1.TasksService, taskHandlers, { endless: ["wait"] }),
  row("transfer", containerd.transferV1.TransferService, transferHandlers),
  row("version", containerd.versionV1.VersionService, versionHandlers, { anywhere: ["version"] }),
];

/** All of containerd's services, for the server that also serves CRI. */
export function containerdServices(options: ContainerdOptions): readonly GrpcService[] {
  const served = rows.filter((each) => each.served).map(({ id }) => id);
  const known = { ...options, plugins: plugins(served, options.platform), streams: new Streams() };
  return rows.map(({ make }) => make(known));
}

function row<Definition extends ServiceDefinition>(
  id: string,
  definition: Definition,
  handlers?: (options: ServiceOptions) => Partial<Handlers<Definition, ContainerdCall>>,
  {
    anywhere = [],
    ...traits
  }: Omit<ServiceTraits<keyof Definition & string>, "quiet"> & {
    /** Methods that need no namespace header: they concern no namespace, or name one in the request. */
    readonly anywhere?: readonly (keyof Definition & string)[];
  } = {},
): Row {
  const make = (options: ServiceOptions) => {
    const own = handlers?.(options) ?? ({} as Handlers<Definition, ContainerdCall>);
    return defineService(definition, withNamespace<Definition>(own, { ...options, anywhere }), {
      quiet: polled(definition),
      ...traits,
    });
  };
  return { id, served: handlers !== undefined, make };
}

/** Read-only methods, which cAdvisor and every command of ctr and nerdctl call often; they are not logged. */
function polled(definition: ServiceDefinition): readonly string[] {
  return Object.keys(definition).filter((method) =>
    /^(?:get|info|list|mounts|plugins|read|server|stat|status|usage|version)(?:[A-Z]|$)/.test(method),
  );
}
