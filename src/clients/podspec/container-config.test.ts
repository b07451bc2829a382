/** The runtime's configuration of a container in a manifest. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  MountPropagation,
  NamespaceMode,
  SecurityProfile_ProfileType,
  Signal,
} from "../../ground/protocol/index.ts";
import type { ImageUser } from "./container-request.ts";
import { PodSpecError } from "./errors.ts";
import { containerOf, podOf } from "./testing/pods.ts";

const variables = ({
  envs,
}: {
  readonly envs: readonly { readonly key: string; readonly value: Buffer }[];
}) => envs.map(({ key, value }) => `${key}=${value}`);
const settings = {
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { level: "debug", "app.ini": "a=1" },
};
const login = { kind: "Secret", metadata: { name: "login" }, stringData: { user: "anna" } };

describe("a container of a manifest", () => {
  it("has the command, arguments, directory and image that it names", async () => {
    const config = await containerOf({
      command: ["sh", "-c"],
      args: ["echo $(NAME) $$(NAME) $(NOBODY)"],
      workingDir: "/srv",
      env: [{ name: "NAME", value: "web" }],
    });
    assert.deepEqual(config.command, ["sh", "-c"]);
    assert.deepEqual(config.args, ["echo web $(NAME) $(NOBODY)"]);
    assert.equal(config.workingDir, "/srv");
    assert.deepEqual([config.image?.image, config.image?.userSpecifiedImage], ["sha256:image", "busybox"]);
    assert.deepEqual([config.metadata?.name, config.metadata?.attempt], ["main", 2]);
  });

  it("has standard input and a terminal if it requests them, and its stop signal", async () => {
    const config = await containerOf({
      stdin: true,
      stdinOnce: true,
      tty: true,
      lifecycle: { stopSignal: "SIGINT" },
    });
    assert.deepEqual([config.stdin, config.stdinOnce, config.tty], [true, true, true]);
    assert.equal(config.stopSignal, Signal.SIGNAL_SIGINT);
    assert.equal((await containerOf({})).stopSignal, Signal.SIGNAL_RUNTIME_DEFAULT);
  });

  it("has variables from values, with earlier ones expanded, and from whole config maps and secrets", async () => {
    const config = await containerOf(
      {
        env: [
          { name: "ONE", value: "1" },
          { name: "TWO", value: "$(ONE)$(ONE) $(user) $(LATER)" },
          { name: "LATER", value: "3" },
        ],
        envFrom: [
          { prefix: "S_", configMapRef: { name: "settings" } },
          { secretRef: { name: "login" } },
          { configMapRef: { name: "nowhere", optional: true } },
        ],
      },
      {},
      [settings, login],
    );
    assert.deepEqual(variables(config), [
      "S_level=debug",
      "S_app.ini=a=1",
      "user=anna",
      "ONE=1",
      "TWO=11 anna $(LATER)",
      "LATER=3",
    ]);
  });

  it("has each variable once, the last one with its name, and none that is not text", async () => {
    const bytes = { kind: "ConfigMap", metadata: { name: "bytes" }, binaryData: { blob: "/w==" } };
    const config = await containerOf(
      {
        envFrom: [{ configMapRef: { name: "settings" } }, { configMapRef: { name: "bytes" } }],
        env: [
          { name: "level", value: "info" },
          { name: "COPY", value: "$(level)" },
          { name: "level", value: "$(level)!" },
          {
            name: "BLOB",
            valueFrom: { configMapKeyRef: { name: "bytes", key: "blob", optional: true } },
          },
        ],
      },
      {},
      [settings, bytes],
    );
    assert.deepEqual(variables(config), ["level=info!", "app.ini=a=1", "COPY=info"]);
  });

  it("has variables for the services of its namespace, unless it disables them", async () => {
    const spec = { clusterIP: "10.1.0.20", ports: [{ name: "http", port: 80 }] };
    const services = [{ kind: "Service", metadata: { name: "my-web" }, spec }];
    assert.deepEqual(variables(await containerOf({}, {}, services)), [
      "MY_WEB_SERVICE_HOST=10.1.0.20",
      "MY_WEB_SERVICE_PORT=80",
      "MY_WEB_PORT=tcp://10.1.0.20:80",
      "MY_WEB_SERVICE_PORT_HTTP=80",
      "MY_WEB_PORT_80_TCP=tcp://10.1.0.20:80",
      "MY_WEB_PORT_80_TCP_PROTO=tcp",
      "MY_WEB_PORT_80_TCP_PORT=80",
      "MY_WEB_PORT_80_TCP_ADDR=10.1.0.20",
    ]);
    assert.deepEqual(variables(await containerOf({}, { enableServiceLinks: false }, services)), []);
  });

  it("has variables from keys, from fields of the pod and from its resources", async () => {
    const from = (name: string, valueFrom: object) => ({ name, valueFrom });
    const config = await containerOf(
      {
        resources: { limits: { cpu: "1500m", memory: "64Mi" } },
        env: [
          from("LEVEL", { configMapKeyRef: { name: "settings", key: "level" } }),
          from("USER", { secretKeyRef: { name: "login", key: "user" } }),
          from("NONE", { secretKeyRef: { name: "login", key: "none", optional: true } }),
          from("NAME", { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } }),
          from("LABEL", { fieldRef: { fieldPath: "metadata.labels['app']" } }),
          from("ACCOUNT", { fieldRef: { fieldPath: "spec.serviceAccountName" } }),
          from("ADDRESSES", { fieldRef: { fieldPath: "status.podIPs" } }),
          from("CPU", { resourceFieldRef: { resource: "limits.cpu" } }),
          from("MILLI", {
            resourceFieldRef: { containerName: "main", resource: "limits.cpu", divisor: "1m" },
          }),
          from("MEBI", { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } }),
        ],
      },
      { serviceAccountName: "shop" },
      [settings, login],
    );
    assert.deepEqual(variables(config), [
      "LEVEL=debug",
      "USER=anna",
      "NAME=web",
      "LABEL=web",
      "ACCOUNT=shop",
      "ADDRESSES=10.88.0.5,fd00::5",
      "CPU=2",
      "MILLI=1500",
      "MEBI=64",
    ]);
  });

  it("has variables from resources without limits: the machine's, and its requests", async () => {
    const of = (resource: string, divisor = "1") => ({
      name: resource,
      valueFrom: { resourceFieldRef: { resource, divisor } },
    });
    const config = await containerOf({
      resources: { requests: { memory: "1Gi" }, limits: { "ephemeral-storage": "1Gi" } },
      env: [
        of("limits.cpu"),
        of("limits.memory", "1Gi"),
        of("requests.cpu"),
        of("requests.memory", "1Mi"),
        of("requests.ephemeral-storage", "1Mi"),
      ],
    });
    assert.deepEqual(variables(config), [
      "limits.cpu=4",
      "limits.memory=8",
      "requests.cpu=0",
      "requests.memory=1024",
      "requests.ephemeral-storage=1024",
    ]);
    const exact = await containerOf({
      resources: { limits: { cpu: "4001m" } },
      env: [of("limits.cpu", "1m")],
    });
    assert.deepEqual(variables(exact), ["limits.cpu=4001"]);
  });

  it("is rejected if it refers to a missing object", async () => {
    const missing = (container: object, spec: object = {}) =>
      assert.rejects(
        containerOf(container, spec),
        (error) => error instanceof PodSpecError && error.code === "NotFound",
      );
    await missing({ envFrom: [{ configMapRef: { name: "settings" } }] });
    await missing({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "login", key: "user" } } }] });
    const volumeMounts = [{ name: "data", mountPath: "/data" }];
    await missing({ volumeMounts }, { volumes: [{ name: "data", secret: { secretName: "login" } }] });
    await missing(
      { volumeMounts },
      { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "other" } }] },
    );
  });
});

describe("the volumes of a container", () => {
  it("are mounted as it says", async () => {
    const config = await containerOf(
      {
        volumeMounts: [
          { name: "host", mountPath: "/host", mountPropagation: "HostToContainer" },
          { name: "host", mountPath: "/seen", readOnly: true, recursiveReadOnly: "Enabled" },
          { name: "image", mountPath: "/image" },
          { name: "claim", mountPath: "/claim" },
        ],
      },
      {
        volumes: [
          { name: "host", hostPath: { path: "/tmp", type: "Directory" } },
          { name: "image", image: { reference: "files" } },
          { name: "claim", persistentVolumeClaim: { claimName: "data", readOnly: true } },
        ],
      },
    );
    const at = (path: string) => config.mounts.find(({ containerPath }) => containerPath === path);
    assert.deepEqual(
      [at("/host")?.hostPath, at("/host")?.propagation, at("/host")?.readonly],
      ["/tmp", MountPropagation.PROPAGATION_HOST_TO_CONTAINER, false],
    );
    assert.deepEqual([at("/seen")?.readonly, at("/seen")?.recursiveReadOnly], [true, true]);
    assert.equal(at("/image")?.image?.image, "files");
    assert.deepEqual([at("/claim")?.hostPath.endsWith("/claims/data"), at("/claim")?.readonly], [true, true]);
  });

  it("of the machine's paths match their type, or are rejected", async () => {
    const of = (path: string, type: string) =>
      containerOf(
        { volumeMounts: [{ name: "host", mountPath: "/host" }] },
        { volumes: [{ name: "host", hostPath: { path, type } }] },
      );
    await of("/dev/null", "CharDevice");
    await assert.rejects(of("/dev/null", "Directory"), /is not of type Directory/);
    await assert.rejects(of("/nowhere", "File"), /is not of type File/);
  });

  it("that are empty directories are owned by those who may write to them", async () => {
    const volumes = [{ name: "work", emptyDir: { mode: 0o700 } }];
    const containers = [
      { name: "main", image: "busybox", volumeMounts: [{ name: "work", mountPath: "/work" }] },
    ];
    const modeOf = async (spec: object) => {
      await using pod = await podOf({ volumes, containers, ...spec });
      const { mounts } = await pod.container();
      const made = await stat(mounts.find(({ containerPath }) => containerPath === "/work")?.hostPath ?? "");
      return [made.mode & 0o7777, made.gid];
    };
    assert.deepEqual(await modeOf({}), [0o700, 0]);
    assert.deepEqual(await modeOf({ securityContext: { fsGroup: 1000 } }), [0o2770, 1000]);
  });

  it("that are made of objects have their keys as files, with the requested modes", async () => {
    await using pod = await podOf(
      {
        containers: [
          {
            name: "main",
            image: "busybox",
            resources: { limits: { cpu: "1" } },
            volumeMounts: ["config", "secret", "fields", "all"].map((name) => ({
              name,
              mountPath: `/${name}`,
            })),
          },
        ],
        volumes: [
          { name: "config", configMap: { name: "settings", defaultMode: 0o600 } },
          {
            name: "secret",
            secret: { secretName: "login", items: [{ key: "user", path: "deep/user", mode: 0o400 }] },
          },
          {
            name: "fields",
            downwardAPI: {
              defaultMode: 0o640,
              items: [
                { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
                {
                  path: "cpu",
                  mode: 0o444,
                  resourceFieldRef: { containerName: "main", resource: "limits.cpu" },
                },
              ],
            },
          },
          {
            name: "all",
            projected: {
              defaultMode: 0o444,
              sources: [
                { configMap: { name: "settings", items: [{ key: "level", path: "level" }] } },
                { secret: { name: "nowhere", optional: true } },
                { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
              ],
            },
          },
        ],
      },
      [settings, login],
    );
    const { mounts } = await pod.container();
    const file = async (path: string) => {
      const [, volume = "", ...below] = path.split("/");
      const mount = mounts.find(({ containerPath }) => containerPath === `/${volume}`);
      assert.equal(mount?.readonly, true);
      const at = join(mount.hostPath, ...below);
      return [await readFile(at, "utf8"), (await stat(at)).mode & 0o777];
    };
    assert.deepEqual(await file("/config/app.ini"), ["a=1", 0o600]);
    assert.deepEqual(await file("/secret/deep/user"), ["anna", 0o400]);
    assert.deepEqual(await file("/fields/labels"), ['app="web"', 0o640]);
    assert.deepEqual(await file("/fields/cpu"), ["1", 0o444]);
    assert.deepEqual(await file("/all/level"), ["debug", 0o444]);
    assert.deepEqual(await file("/all/name"), ["web", 0o444]);
  });

  it("have hosts files with the pod's addresses and aliases, and a file for termination messages", async () => {
    const containers = [{ name: "main", image: "busybox", terminationMessagePath: "/words" }];
    const hostAliases = [{ ip: "192.0.2.7", hostnames: ["seven", "seven.test"] }];
    await using pod = await podOf({ subdomain: "pages", hostAliases, containers });
    const { mounts } = await pod.container();
    const at = (path: string) => mounts.find(({ containerPath }) => containerPath === path)?.hostPath ?? "";
    const hosts = await readFile(at("/etc/hosts"), "utf8");
    assert.ok(hosts.startsWith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
    assert.ok(
      hosts.endsWith(
        [
          "10.88.0.5\tweb.pages.shop.svc.cluster.local\tweb",
          "fd00::5\tweb.pages.shop.svc.cluster.local\tweb",
          "",
          "# Entries added by HostAliases.",
          "192.0.2.7\tseven\tseven.test",
          "",
        ].join("\n"),
      ),
    );
    assert.equal(await readFile(at("/words"), "utf8"), "");
  });
});

describe("a container with the machine's network", () => {
  it("has the machine's hosts file, followed by the pod's aliases", async () => {
    await using pod = await podOf({
      hostNetwork: true,
      hostAliases: [{ ip: "192.0.2.7", hostnames: ["seven"] }],
    });
    const { mounts } = await pod.container();
    const { hostPath = "" } = mounts.find(({ containerPath }) => containerPath === "/etc/hosts") ?? {};
    assert.equal(
      await readFile(hostPath, "utf8"),
      `# Kubernetes-managed hosts file (host network).\n${await readFile("/etc/hosts", "utf8")}\n# Entries added by HostAliases.\n192.0.2.7\tseven\n`,
    );
  });
});

describe("a container that mounts a file of its own at /etc/hosts", () => {
  it("has only that one", async () => {
    const { mounts } = await containerOf(
      { volumeMounts: [{ name: "own", mountPath: "/etc/hosts", subPath: "hosts" }] },
      { volumes: [{ name: "own", configMap: { name: "own" } }] },
      [{ kind: "ConfigMap", metadata: { name: "own" }, data: { hosts: "127.0.0.1 here" } }],
    );
    const [only, ...others] = mounts.filter(({ containerPath }) => containerPath === "/etc/hosts");
    assert.match(only?.hostPath ?? "", /volume-subpaths\/own\//);
    assert.deepEqual(others, []);
  });
});

describe("the confinement of a container", () => {
  const security = async (own: object, ofPod: object = {}, spec: object = {}) => {
    const config = await containerOf({ securityContext: own }, { securityContext: ofPod, ...spec });
    const context = config.linux?.securityContext;
    assert.ok(context !== undefined);
    return context;
  };

  it("is its own if specified, otherwise the pod's", async () => {
    const ofPod = {
      runAsUser: 1000,
      runAsGroup: 2000,
      seccompProfile: { type: "RuntimeDefault" },
      appArmorProfile: { type: "Unconfined" },
      seLinuxOptions: { user: "user", role: "role", type: "type", level: "s0" },
    };
    const inherited = await security({}, ofPod);
    assert.deepEqual([inherited.runAsUser?.value, inherited.runAsGroup?.value], [1000n, 2000n]);
    assert.equal(inherited.seccomp?.profileType, SecurityProfile_ProfileType.RuntimeDefault);
    assert.equal(inherited.apparmor?.profileType, SecurityProfile_ProfileType.Unconfined);
    assert.partialDeepStrictEqual(inherited.selinuxOptions, ofPod.seLinuxOptions);
    const own = await security(
      {
        runAsUser: 7,
        runAsGroup: 8,
        seccompProfile: { type: "Localhost", localhostProfile: "own.json" },
        appArmorProfile: { type: "Localhost", localhostProfile: "own" },
        seLinuxOptions: { level: "s1" },
      },
      ofPod,
    );
    assert.deepEqual([own.runAsUser?.value, own.runAsGroup?.value], [7n, 8n]);
    assert.equal(own.seccomp?.localhostRef, "own.json");
    assert.equal(own.apparmor?.localhostRef, "own");
    assert.equal(own.selinuxOptions?.level, "s1");
    assert.equal((await security({})).seccomp?.profileType, SecurityProfile_ProfileType.Unconfined);
  });

  it("has the groups of the pod, including that of its volumes", async () => {
    const { supplementalGroups, supplementalGroupsPolicy } = await security(
      {},
      { supplementalGroups: [5], fsGroup: 6, supplementalGroupsPolicy: "Strict" },
    );
    assert.deepEqual(supplementalGroups, [5n, 6n]);
    assert.equal(supplementalGroupsPolicy, 1);
  });

  it("adds and removes privileges, capabilities and paths", async () => {
    const own = await security({
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    });
    assert.deepEqual([own.noNewPrivs, own.readonlyRootfs, own.privileged], [true, true, false]);
    assert.deepEqual(own.capabilities?.addCapabilities, ["NET_ADMIN"]);
    assert.deepEqual(own.capabilities?.dropCapabilities, ["ALL"]);
    assert.ok(own.maskedPaths.includes("/proc/kcore"));
    assert.deepEqual((await security({ procMount: "Unmasked" })).maskedPaths, []);
    assert.equal((await security({ privileged: true })).privileged, true);
  });

  it("rejects root if root is forbidden", async () => {
    await assert.rejects(security({ runAsNonRoot: true, runAsUser: 0 }), /would run as root/);
    await assert.rejects(security({}, { runAsNonRoot: true, runAsUser: 0 }), /would run as root/);
    const asImage = (imageUser: ImageUser) =>
      containerOf({ securityContext: { runAsNonRoot: true } }, {}, [], { imageUser });
    await asImage({ uid: 1000 });
    for (const root of [{}, { uid: 0 }]) await assert.rejects(asImage(root), /image busybox runs as root/);
    await assert.rejects(asImage({ name: "www" }), /has the user "www", of which it is not known/);
  });

  it("shares namespaces with the machine and with the pod as the pod specifies", async () => {
    const options = async (spec: object) => (await security({}, {}, spec)).namespaceOptions;
    assert.partialDeepStrictEqual(await options({}), {
      network: NamespaceMode.POD,
      ipc: NamespaceMode.POD,
      pid: NamespaceMode.CONTAINER,
    });
    assert.partialDeepStrictEqual(await options({ hostNetwork: true, hostIPC: true, hostPID: true }), {
      network: NamespaceMode.NODE,
      ipc: NamespaceMode.NODE,
      pid: NamespaceMode.NODE,
    });
    assert.equal((await options({ shareProcessNamespace: true }))?.pid, NamespaceMode.POD);
  });
});

describe("the resources of a container", () => {
  it("become limits and shares in the kernel's units", async () => {
    const { linux } = await containerOf({
      resources: {
        limits: { cpu: "1500m", memory: "64Mi", "hugepages-2Mi": "4Mi" },
        requests: { cpu: "500m" },
      },
    });
    assert.partialDeepStrictEqual(linux?.resources, {
      cpuPeriod: 100_000n,
      cpuQuota: 150_000n,
      cpuShares: 512n,
      memoryLimitInBytes: 67_108_864n,
    });
    assert.partialDeepStrictEqual(linux?.resources?.hugepageLimits, [{ pageSize: "2MB", limit: 4_194_304n }]);
  });
});
