import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { before, describe, test } from "node:test";
import { inspect } from "node:util";
import { type Client, Metadata, type MethodDefinition, type ServiceError, status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED } = status;

type Rpc = MethodDefinition<object, object> & { readonly name: string };
/** A request, the code with which it is rejected, and the message. */
type Refusal = readonly [request: object, code: status, details: RegExp];

const digest = `sha256:${"ab".repeat(32)}`;
const badFilter = (field = "filters", value: unknown = ["id=="]): Refusal => [
  { [field]: value },
  INVALID_ARGUMENT,
  /^filter "id==": at character \d+/,
];
const layer = "application/vnd.oci.image.layer.v1.tar";
const longLabel = { key: "v".repeat(4096) };
const any = (typeUrl: string, value = Buffer.from([0xff])) => ({ typeUrl, value });

const { Container } = containerd.containersV1;
const container = (changes: Parameters<typeof Container.fromPartial>[0]) => ({
  container: Container.fromPartial({ id: "c", runtime: { name: "r" }, spec: any("s"), ...changes }),
});
const { Image } = containerd.imagesV1;
const target = { mediaType: "a/b", digest, size: 3n };
const image = (changes: Parameters<typeof Image.fromPartial>[0]) => ({
  image: Image.fromPartial({ name: "a", target, ...changes }),
});
const { Sandbox, Descriptor, Mount } = containerd.types;
const sandbox = (changes: Parameters<typeof Sandbox.fromPartial>[0]) => ({
  sandbox: Sandbox.fromPartial({ sandboxId: "s", runtime: { name: "r" }, ...changes }),
});
const namespace = (name: string, labels = {}) => ({ namespace: { name, labels } });
const lease = (id: string, resource?: object) => ({ id, ...(resource && { resource }) });
const badIds = ["", "a/b", "..", "a b", "x".repeat(77)];
const absent = (field: string, more: object = {}): Refusal => [
  { [field]: "absent", ...more },
  NOT_FOUND,
  /absent/,
];
const ofTask: readonly Refusal[] = [absent("containerId"), [{ containerId: "../c" }, NOT_FOUND, /"\.\.\/c"/]];
const ofPod: readonly Refusal[] = [[{ sandboxId: "absent", sandboxer: "podsandbox" }, NOT_FOUND, /absent/]];
const snapshotter = "overlayfs";
const ofSnapshotter: readonly Refusal[] = [
  [{ snapshotter: "zfs" }, INVALID_ARGUMENT, /snapshotter not loaded: zfs/],
  [{ snapshotter: "" }, INVALID_ARGUMENT, /snapshotter argument missing/],
];
const expiry = { "containerd.io/gc.expire": "soon 1" };
const bind = Mount.fromPartial({ type: "bind", source: "/nosuch", options: ["rbind"] });

/** The invalid requests that every RPC rejects; an empty list for one without parameters. */
const refusals: Readonly<Record<string, readonly Refusal[]>> = {
  "containers/Get": [absent("id"), [{ id: "../c" }, NOT_FOUND, /"?\.\.\/c/]],
  "containers/List": [badFilter()],
  "containers/ListStream": [badFilter()],
  "containers/Create": [
    [{}, INVALID_ARGUMENT, /container: must be set/],
    ...badIds.map((id): Refusal => [container({ id }), INVALID_ARGUMENT, /id/]),
    [container({ runtime: { name: "" } }), INVALID_ARGUMENT, /runtime/],
    [container({ spec: undefined }), INVALID_ARGUMENT, /spec/],
    [container({ snapshotKey: "k" }), INVALID_ARGUMENT, /snapshotter/],
    [container({ extensions: { "": any("x") } }), INVALID_ARGUMENT, /extension/],
    [container({ labels: longLabel }), INVALID_ARGUMENT, /label "key"/],
  ],
  "containers/Update": [
    [{}, INVALID_ARGUMENT, /container: must be set/],
    [container({ id: "" }), INVALID_ARGUMENT, /id/],
    [container({ id: "absent" }), NOT_FOUND, /absent/],
  ],
  "containers/Delete": [absent("id")],
  "content/Info": [
    [{ digest: "sha256:1" }, INVALID_ARGUMENT, /digest "sha256:1"/],
    [{ digest }, NOT_FOUND, /sha256/],
  ],
  "content/Update": [
    [{}, INVALID_ARGUMENT, /info/],
    [
      { info: containerd.contentV1.Info.fromPartial({ digest: "md5:1" }) },
      INVALID_ARGUMENT,
      /digest "md5:1"/,
    ],
    [
      { info: containerd.contentV1.Info.fromPartial({ digest }), updateMask: ["size"] },
      INVALID_ARGUMENT,
      /"size"/,
    ],
  ],
  "content/List": [badFilter()],
  "content/Delete": [
    [{ digest: "sha256:ABC" }, INVALID_ARGUMENT, /digest "sha256:ABC"/],
    [{ digest }, NOT_FOUND, /sha256/],
  ],
  "content/Read": [
    [{ digest: "" }, INVALID_ARGUMENT, /digest ""/],
    [{ digest }, NOT_FOUND, /sha256/],
  ],
  "content/Status": [absent("ref"), [{ ref: "" }, NOT_FOUND, /ingest: ""/]],
  "content/ListStatuses": [badFilter()],
  "content/Write": [
    [{ ref: "" }, INVALID_ARGUMENT, /reference/],
    [{ ref: "r", expected: "sha256:1" }, INVALID_ARGUMENT, /digest "sha256:1"/],
    [{ ref: "r", total: -1n }, INVALID_ARGUMENT, /total/],
    [{ ref: "r", offset: -1n, action: 1 }, OUT_OF_RANGE, /-1/],
    [{ ref: "r", offset: 5n, action: 1 }, OUT_OF_RANGE, /@5/],
  ],
  "content/Abort": [absent("ref"), [{ ref: "" }, NOT_FOUND, /reference ""/]],
  "diff/Apply": [
    [{}, INVALID_ARGUMENT, /diff/],
    [{ diff: Descriptor.fromPartial({ digest: "x" }), mounts: [bind] }, INVALID_ARGUMENT, /digest "x"/],
    [{ diff: Descriptor.fromPartial({ digest, mediaType: layer }), mounts: [] }, INVALID_ARGUMENT, /mounts/],
  ],
  "diff/Diff": [
    [{ mediaType: "a/b" }, UNIMPLEMENTED, /media_type/],
    [{ left: [bind], right: [{ ...bind, source: "x" }] }, INVALID_ARGUMENT, /"x"/],
  ],
  "events/Publish": [
    [{ topic: "" }, INVALID_ARGUMENT, /topic ""/],
    [{ topic: "/a//b" }, INVALID_ARGUMENT, /topic/],
  ],
  "events/Forward": [
    [{}, INVALID_ARGUMENT, /namespace/],
    [
      { envelope: { namespace: "a/b", topic: "/a", event: undefined, timestamp: undefined } },
      INVALID_ARGUMENT,
      /namespace/,
    ],
    [
      { envelope: { namespace: "a", topic: "a", event: undefined, timestamp: undefined } },
      INVALID_ARGUMENT,
      /topic/,
    ],
    [
      { envelope: { namespace: "a", topic: "/a", event: undefined, timestamp: undefined } },
      INVALID_ARGUMENT,
      /timestamp/,
    ],
  ],
  "events/Subscribe": [badFilter()],
  "controller/Create": [
    [{ sandboxer: "" }, INVALID_ARGUMENT, /sandboxer/],
    [{ sandboxer: "x" }, NOT_FOUND, /"x"/],
  ],
  "controller/Start": ofPod,
  "controller/Platform": ofPod,
  "controller/Stop": ofPod,
  "controller/Wait": ofPod,
  "controller/Status": ofPod,
  "controller/Shutdown": ofPod,
  "controller/Metrics": ofPod,
  "controller/Update": ofPod,
  "images/Get": [absent("name")],
  "images/List": [badFilter()],
  "images/Create": [
    [{}, INVALID_ARGUMENT, /Image\.Name/],
    [image({ name: "" }), INVALID_ARGUMENT, /Image\.Name/],
    [image({ target: { ...target, digest: "sha256:x" } }), INVALID_ARGUMENT, /digest "sha256:x"/],
    [image({ target: { ...target, size: 0n } }), INVALID_ARGUMENT, /target.*size/i],
    [image({ target: { ...target, size: -1n } }), INVALID_ARGUMENT, /target.*size/i],
    [image({ target: { ...target, mediaType: "" } }), INVALID_ARGUMENT, /target.*media_?type/i],
    [image({ labels: longLabel }), INVALID_ARGUMENT, /label "key"/],
  ],
  "images/Update": [
    [{}, INVALID_ARGUMENT, /Image\.Name/],
    [image({ name: "absent" }), NOT_FOUND, /absent/],
  ],
  "images/Delete": [absent("name")],
  "introspection/Plugins": [badFilter()],
  "introspection/Server": [],
  "introspection/PluginInfo": [
    [{ type: "x", id: "absent" }, NOT_FOUND, /absent/],
    [
      { type: "io.containerd.runtime.v2", id: "task", options: any("example.com/Unknown") },
      INVALID_ARGUMENT,
      /"Unknown"/,
    ],
  ],
  "leases/Create": [[{ labels: expiry }, INVALID_ARGUMENT, /gc\.expire.*"soon 1"/]],
  "leases/Delete": [absent("id")],
  "leases/List": [badFilter()],
  "leases/AddResource": [
    [lease("held"), INVALID_ARGUMENT, /resource/],
    [lease("held", { id: "", type: "content" }), INVALID_ARGUMENT, /resource/],
    [lease("held", { id: "x", type: "content" }), INVALID_ARGUMENT, /digest "x"/],
    [lease("held", { id: "x", type: "snapshots" }), INVALID_ARGUMENT, /resource.*"snapshots"/],
    [lease("held", { id: "x", type: "images/x" }), INVALID_ARGUMENT, /resource.*"images\/x"/],
    [lease("held", { id: "x", type: "sandboxes" }), UNIMPLEMENTED, /resource.*"sandboxes"/],
    [lease("absent", { id: digest, type: "content" }), NOT_FOUND, /absent/],
  ],
  "leases/DeleteResource": [
    [lease("held"), INVALID_ARGUMENT, /resource/],
    [lease("held", { id: "x", type: "content" }), INVALID_ARGUMENT, /digest "x"/],
    [lease("absent", { id: digest, type: "content" }), NOT_FOUND, /absent/],
  ],
  "leases/ListResources": [absent("id")],
  "mounts/Activate": [
    [{ name: "" }, INVALID_ARGUMENT, /name/],
    [{ name: "a", mounts: [], temporary: true }, UNIMPLEMENTED, /mounts? /],
    [{ name: "a", mounts: [bind], temporary: true, labels: longLabel }, INVALID_ARGUMENT, /label "key"/],
  ],
  "mounts/Deactivate": [absent("name")],
  "mounts/Info": [absent("name")],
  "mounts/Update": [[{}, INVALID_ARGUMENT, /info/]],
  "mounts/List": [badFilter()],
  "namespaces/Get": badIds.map((name): Refusal => [{ name }, INVALID_ARGUMENT, /namespace/]),
  "namespaces/List": [badFilter("filter", "id==")],
  "namespaces/Create": [
    [{}, INVALID_ARGUMENT, /namespace/],
    ...badIds.map((name): Refusal => [namespace(name), INVALID_ARGUMENT, /namespace/]),
    [namespace("a", longLabel), INVALID_ARGUMENT, /label "key"/],
  ],
  "namespaces/Update": [
    ...badIds.map((name): Refusal => [namespace(name), INVALID_ARGUMENT, /namespace/]),
    [{ ...namespace("a"), updateMask: ["name"] }, INVALID_ARGUMENT, /"name"/],
  ],
  "namespaces/Delete": [
    ...badIds.map((name): Refusal => [{ name }, INVALID_ARGUMENT, /namespace/]),
    absent("name"),
  ],
  "sandboxes/Create": [
    [{}, INVALID_ARGUMENT, /sandbox: must be set/],
    ...badIds.map((sandboxId): Refusal => [sandbox({ sandboxId }), INVALID_ARGUMENT, /id/]),
    [sandbox({ labels: longLabel }), INVALID_ARGUMENT, /label "key"/],
  ],
  "sandboxes/Update": [
    [{}, INVALID_ARGUMENT, /sandbox: must be set/],
    [sandbox({ sandboxId: "absent" }), NOT_FOUND, /absent/],
  ],
  "sandboxes/Delete": [absent("sandboxId")],
  "sandboxes/List": [badFilter()],
  "sandboxes/Get": [absent("sandboxId")],
  "snapshots/Prepare": [
    ...ofSnapshotter,
    [{ snapshotter, key: "" }, INVALID_ARGUMENT, /key/],
    [{ snapshotter, key: "k", parent: "absent" }, NOT_FOUND, /absent/],
    [{ snapshotter, key: "k", labels: longLabel }, INVALID_ARGUMENT, /label "key"/],
  ],
  "snapshots/View": [
    ...ofSnapshotter,
    [{ snapshotter, key: "" }, INVALID_ARGUMENT, /key/],
    [{ snapshotter, key: "k", parent: "absent" }, NOT_FOUND, /absent/],
  ],
  "snapshots/Mounts": [...ofSnapshotter, absent("key", { snapshotter })],
  "snapshots/Commit": [
    ...ofSnapshotter,
    [{ snapshotter, name: "", key: "k" }, INVALID_ARGUMENT, /name/],
    [{ snapshotter, name: "n", key: "absent" }, NOT_FOUND, /absent/],
  ],
  "snapshots/Remove": [...ofSnapshotter, absent("key", { snapshotter })],
  "snapshots/Stat": [...ofSnapshotter, absent("key", { snapshotter })],
  "snapshots/Update": [
    [
      { snapshotter: "zfs", info: containerd.snapshotsV1.Info.fromPartial({ name: "a" }) },
      INVALID_ARGUMENT,
      /zfs/,
    ],
    [{ snapshotter }, INVALID_ARGUMENT, /info\.name/],
    [{ snapshotter, info: containerd.snapshotsV1.Info.fromPartial({ name: "absent" }) }, NOT_FOUND, /absent/],
    [
      { snapshotter, info: containerd.snapshotsV1.Info.fromPartial({ name: "a" }), updateMask: ["kind"] },
      INVALID_ARGUMENT,
      /"kind"/,
    ],
  ],
  "snapshots/List": [...ofSnapshotter, badFilter("filters", ["id=="])],
  "snapshots/Usage": [...ofSnapshotter, absent("key", { snapshotter })],
  "snapshots/Cleanup": ofSnapshotter,
  "streaming/Stream": [
    [any("containerd.services.streaming.v1.StreamInit", Buffer.alloc(0)), INVALID_ARGUMENT, /id/],
    [any("containerd.services.streaming.v1.StreamInit"), INVALID_ARGUMENT, /StreamInit/],
    [any("x.Unknown"), INVALID_ARGUMENT, /"x\.Unknown"/],
  ],
  "tasks/Create": ofTask,
  "tasks/Start": ofTask,
  "tasks/Delete": ofTask,
  "tasks/DeleteProcess": ofTask,
  "tasks/Get": ofTask,
  "tasks/List": [],
  "tasks/Kill": [
    [{ containerId: "absent", signal: 9 }, NOT_FOUND, /absent/],
    ...[0, 65].map((signal): Refusal => [{ containerId: "c", signal }, INVALID_ARGUMENT, /signal/]),
  ],
  "tasks/Exec": ofTask,
  "tasks/ResizePty": ofTask,
  "tasks/CloseIO": ofTask,
  "tasks/Pause": ofTask,
  "tasks/Resume": ofTask,
  "tasks/ListPids": ofTask,
  "tasks/Checkpoint": ofTask,
  "tasks/Update": ofTask,
  "tasks/Metrics": [badFilter()],
  "tasks/Wait": ofTask,
  "transfer/Transfer": [
    [{}, UNIMPLEMENTED, /from "" to ""/],
    [{ source: any("x.Unknown"), destination: any("y") }, UNIMPLEMENTED, /"x\.Unknown"/],
    [
      {
        source: any("containerd.types.transfer.OCIRegistry"),
        destination: any("containerd.types.transfer.ImageStore"),
      },
      INVALID_ARGUMENT,
      /OCIRegistry/,
    ],
    [{ options: { progressStream: "absent" } }, NOT_FOUND, /absent/],
  ],
  "version/Version": [],
};

/** These do not belong to a namespace, or name it themselves. */
const withoutNamespace = /^(?:namespaces|introspection|version)\/|^events\/(?:Forward|Subscribe)$/;

describe("containerd's API with bad input", () => {
  const host = withContainerd();
  let rpcs: ReadonlyMap<string, { readonly client: Client; readonly rpc: Rpc }>;

  before(async () => {
    const { raw, leases } = host.clients.in("bad");
    rpcs = new Map(
      Object.entries(raw).flatMap(([service, client]) => {
        const { service: definition } = client.constructor as unknown as {
          readonly service: Readonly<Record<string, Rpc>>;
        };
        return Object.values(definition).map((rpc) => [
          `${service}/${rpc.path.split("/").at(-1)}`,
          { client, rpc },
        ]);
      }),
    );
    await leases.create({ id: "held", labels: {} });
  });

  /** The daemon's answer to such a call; nothing if it succeeds. */
  const refusalOf = async (name: string, request: object, inNamespace: string | undefined) => {
    const found = rpcs.get(name);
    assert.ok(found, name);
    const { client, rpc } = found;
    const metadata = new Metadata();
    if (inNamespace !== undefined) metadata.set("containerd-namespace", inNamespace);
    const message = { ...rpc.requestDeserialize(Buffer.alloc(0)), ...request };
    const { promise, resolve } = Promise.withResolvers<ServiceError | undefined>();
    const answered = (error: ServiceError | null) => resolve(error ?? undefined);
    const parts = [rpc.path, rpc.requestSerialize, rpc.responseDeserialize] as const;
    if (!rpc.responseStream) client.makeUnaryRequest(...parts, message, metadata, answered);
    else {
      const both = rpc.requestStream ? client.makeBidiStreamRequest(...parts, metadata) : undefined;
      const stream = both ?? client.makeServerStreamRequest(...parts, message, metadata);
      stream.on("error", resolve).on("end", () => resolve(undefined));
      stream.resume();
      both?.end(message);
    }
    return await promise;
  };

  test("every RPC says which of its fields is wrong", async () => {
    assert.deepEqual(Object.keys(refusals).sort(), [...rpcs.keys()].sort());
    const wrong: string[] = [];
    for (const [name, cases] of Object.entries(refusals)) {
      for (const [request, code, details] of cases) {
        const refused = await refusalOf(name, request, withoutNamespace.test(name) ? undefined : "bad");
        if (refused?.code === code && details.test(refused.details)) continue;
        wrong.push(`${name} of ${inspect(request)}: ${status[refused?.code ?? 0]} ${refused?.details}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test("every RPC rejects an invalid namespace", async () => {
    const wrong: string[] = [];
    for (const name of [...rpcs.keys()].filter((each) => !withoutNamespace.test(each))) {
      for (const [inNamespace, code, details] of [
        [undefined, FAILED_PRECONDITION, /^namespace is required/],
        ...["no/such", "..", "a b", "x".repeat(77)].map(
          (bad) => [bad, INVALID_ARGUMENT, /is not a valid namespace/] as const,
        ),
      ] as const) {
        const refused = await refusalOf(name, {}, inNamespace);
        if (refused?.code === code && details.test(refused.details)) continue;
        wrong.push(`${name} in ${inNamespace}: ${status[refused?.code ?? 0]} ${refused?.details}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test("rejected requests leave nothing in a namespace that nobody has created", async () => {
    // A writer with a ref is opened first, and collected after a day, as in containerd.
    for (const [name, cases] of Object.entries(refusals))
      for (const [request, code] of withoutNamespace.test(name) ? [] : cases)
        if (code !== OUT_OF_RANGE) await refusalOf(name, request, "nowhere");
    const { namespaces } = await host.clients.in(undefined).namespaces.list({ filter: "" });
    assert.deepEqual(
      namespaces.map(({ name }) => name).filter((name) => name === "nowhere"),
      [],
    );
    const files = await readdir(host.berth.directory, { recursive: true });
    assert.deepEqual(
      files.filter((path) => path.split("/").includes("nowhere")),
      [],
    );
  });
});
