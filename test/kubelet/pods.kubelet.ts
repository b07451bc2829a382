/** Features that pods may use, as a kubelet requests them from the runtime. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pushImage } from "../../src/testing/registry.ts";
import { busyboxImage } from "../support/busybox.ts";
import { readCgroup } from "../support/container-cgroup.ts";
import {
  containerIdOf,
  containerOf,
  isReady,
  nodeAddress,
  nodeName,
  restartsOf,
} from "../support/kubelet.ts";
import { execSync } from "../support/pod.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const forever = "exec sleep 1000000";
/** Exits at once on SIGTERM, which sleep as process 1 does not. */
const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; done";

describe("a kubelet's pod", () => {
  const host = withKubelet();
  const run = (pod: Awaited<ReturnType<typeof host.kubelet.run>>, container: string, script: string) =>
    execSync(host.berth, containerIdOf(pod, container), "sh", "-c", script);

  it("starts init containers in order, a sidecar before the others, and several containers", async () => {
    const work = { volumeMounts: [{ name: "work", mountPath: "/work" }] };
    const pod = await host.kubelet.run("many", {
      spec: {
        volumes: [{ name: "work", emptyDir: {} }],
        initContainers: [
          host.shell("first", "echo first >>/work/order", work),
          host.shell("sidecar", `echo sidecar >>/work/order; ${idle}`, {
            ...work,
            restartPolicy: "Always",
            startupProbe: { exec: { command: ["grep", "sidecar", "/work/order"] }, periodSeconds: 1 },
          }),
          host.shell("second", "echo second >>/work/order", work),
        ],
        containers: [
          host.shell("main", `echo main >>/work/order; ${idle}`, work),
          host.shell(
            "other",
            `until grep main /work/order; do sleep 0.1; done; echo other >>/work/order; ${idle}`,
            work,
          ),
        ],
      },
    });
    assert.match(pod.status.podIP ?? "", /^10\./);
    assert.equal(containerOf(pod, "first").state.terminated?.reason, "Completed");
    assert.notEqual(containerOf(pod, "sidecar").state.running, undefined);
    await host.kubelet.until("all have written", async () =>
      (await run(pod, "main", "cat /work/order")).includes("other"),
    );
    assert.equal(await run(pod, "main", "cat /work/order"), "first\nsidecar\nsecond\nmain\nother\n");
    await host.kubelet.remove("many");
  });

  it("has its volumes as specified", async () => {
    const shown = join(host.berth.directory, "shown");
    await mkdir(shown);
    await writeFile(join(shown, "file"), "from the host");
    const pod = await host.kubelet.run("volumes", {
      labels: { app: "web" },
      annotations: { note: "of the pod" },
      spec: {
        volumes: [
          { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
          { name: "host", hostPath: { path: shown, type: "Directory" } },
          { name: "new", hostPath: { path: join(host.berth.directory, "made"), type: "DirectoryOrCreate" } },
          // Not a projected one: for these, a kubelet needs an API server, whatever their sources are.
          {
            name: "facts",
            downwardAPI: {
              items: [
                { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
                { path: "note", fieldRef: { fieldPath: "metadata.annotations['note']" } },
                {
                  path: "memory",
                  resourceFieldRef: { containerName: "main", resource: "limits.memory", divisor: "1Mi" },
                },
              ],
            },
          },
          { name: "image", image: { reference: host.image, pullPolicy: "IfNotPresent" } },
        ],
        containers: [
          host.shell("main", idle, {
            resources: { limits: { memory: "64Mi" } },
            volumeMounts: [
              { name: "memory", mountPath: "/memory" },
              { name: "host", mountPath: "/host", readOnly: true },
              { name: "host", mountPath: "/sub/file", subPath: "file" },
              { name: "new", mountPath: "/new" },
              { name: "facts", mountPath: "/facts" },
              { name: "image", mountPath: "/image" },
            ],
          }),
        ],
      },
    });
    assert.match(await run(pod, "main", "mount | grep ' /memory '"), /tmpfs.*size=1024k/);
    assert.equal(await run(pod, "main", "cat /host/file /sub/file"), "from the hostfrom the host");
    await assert.rejects(run(pod, "main", "touch /host/other"), /Read-only file system/);
    await run(pod, "main", "echo back >/new/file");
    assert.equal(await readFile(join(host.berth.directory, "made", "file"), "utf8"), "back\n");
    const facts = await run(
      pod,
      "main",
      "cd /facts && for each in labels note memory; do cat $each; echo; done",
    );
    assert.equal(facts, 'app="web"\nof the pod\n64\n');
    assert.equal(await run(pod, "main", "/image/bin/busybox echo image"), "image\n");
    await host.kubelet.remove("volumes");
  });

  it("sees data about itself in its environment, its hosts file and its host name", async () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const pod = await host.kubelet.run("facts", {
      labels: { app: "web" },
      spec: {
        hostname: "called",
        hostAliases: [{ ip: "192.0.2.7", hostnames: ["friend"] }],
        dnsPolicy: "None",
        dnsConfig: {
          nameservers: ["192.0.2.53"],
          searches: ["example.org"],
          options: [{ name: "ndots", value: "3" }],
        },
        securityContext: { sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "80" }] },
        containers: [
          host.shell("main", idle, {
            env: [
              field("POD", "metadata.name"),
              field("UID", "metadata.uid"),
              field("IP", "status.podIP"),
              field("HOST", "status.hostIP"),
              field("NODE", "spec.nodeName"),
              field("LABEL", "metadata.labels['app']"),
              { name: "BOTH", value: "$(POD) on $(NODE)" },
              { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
            ],
            resources: { limits: { cpu: "100m" } },
          }),
        ],
      },
    });
    assert.equal(
      await run(pod, "main", 'echo "$POD $IP $HOST $NODE $LABEL $CPU $BOTH"'),
      `facts-${nodeName} ${pod.status.podIP} ${nodeAddress} ${nodeName} web 100 facts-${nodeName} on ${nodeName}\n`,
    );
    assert.equal(await run(pod, "main", "hostname"), "called\n");
    const hosts = await run(pod, "main", "cat /etc/hosts");
    assert.match(hosts, /192\.0\.2\.7\tfriend/);
    assert.match(hosts, new RegExp(`${pod.status.podIP}\tcalled`));
    assert.equal(
      await run(pod, "main", "cat /etc/resolv.conf"),
      "search example.org\nnameserver 192.0.2.53\noptions ndots:3\n",
    );
    assert.equal(await run(pod, "main", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start"), "80\n");
    await host.kubelet.remove("facts");
  });

  it("runs with the specified identity and limits", async () => {
    const pod = await host.kubelet.run("confined", {
      spec: {
        securityContext: {
          runAsUser: 1000,
          runAsGroup: 3000,
          fsGroup: 4000,
          supplementalGroups: [5000],
          seccompProfile: { type: "RuntimeDefault" },
        },
        volumes: [{ name: "work", emptyDir: {} }],
        containers: [
          host.shell("main", idle, {
            resources: { requests: { cpu: "50m" }, limits: { cpu: "100m", memory: "64Mi" } },
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
            volumeMounts: [{ name: "work", mountPath: "/work" }],
          }),
        ],
      },
    });
    assert.match(await run(pod, "main", "id"), /^uid=1000\S* gid=3000 groups=.*\b4000\b.*\b5000\b/);
    await run(pod, "main", "touch /work/file");
    assert.equal(await run(pod, "main", "stat -c %g /work/file"), "4000\n");
    await assert.rejects(run(pod, "main", "touch /file"), /Read-only file system/);
    const status = await run(pod, "main", "cat /proc/self/status");
    assert.match(status, /NoNewPrivs:\t1\n/);
    assert.match(status, /Seccomp:\t2\n/);
    assert.match(status, /CapBnd:\t0000000000000000\n/);
    const cgroup = (controller: string, file: string) =>
      readCgroup(host.berth, containerIdOf(pod, "main"), controller, file);
    assert.equal(await cgroup("memory", "memory.limit_in_bytes"), String(64 * 2 ** 20));
    assert.equal(await cgroup("cpu", "cpu.cfs_quota_us"), "10000");
    await host.kubelet.remove("confined");
  });

  it("has the node's network if specified", async () => {
    const pod = await host.kubelet.run("on-the-node", {
      spec: { hostNetwork: true, containers: [host.shell("main", idle)] },
    });
    // Its status has no address: without an API server, a kubelet does not set one.
    assert.match(
      await run(pod, "main", "ip address show lo"),
      new RegExp(nodeAddress.replaceAll(".", "\\.")),
    );
    await host.kubelet.remove("on-the-node");
  });

  it("has its own user namespace if specified", async () => {
    const pod = await host.kubelet.run("mapped", {
      spec: {
        hostUsers: false,
        volumes: [
          { name: "work", emptyDir: {} },
          { name: "memory", emptyDir: { medium: "Memory" } },
          {
            name: "facts",
            downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] },
          },
        ],
        containers: [
          host.shell("main", `id >/work/id; ${idle}`, {
            volumeMounts: ["work", "memory", "facts"].map((name) => ({ name, mountPath: `/${name}` })),
          }),
        ],
      },
    });
    assert.match(await run(pod, "main", "cat /work/id"), /^uid=0/);
    assert.equal(await run(pod, "main", "stat -c %u /work/id /facts/name"), "0\n0\n");
    assert.equal(await run(pod, "main", "cat /facts/name"), `mapped-${nodeName}`);
    await run(pod, "main", "echo kept >/memory/file && grep kept /memory/file");
    const [inside, outside, count] = (await run(pod, "main", "cat /proc/self/uid_map"))
      .trim()
      .split(/\s+/)
      .map(Number);
    assert.equal(inside, 0);
    assert.ok((outside ?? 0) >= 65_536, `root is ${outside} outside`);
    assert.equal(count, 65_536);
    await host.kubelet.remove("mapped");
  });

  it("shares its PID namespace if specified", async () => {
    const pod = await host.kubelet.run("shared", {
      spec: {
        shareProcessNamespace: true,
        containers: [host.shell("main", forever), host.shell("other", "exec sleep 2000000")],
      },
    });
    const processes = await run(pod, "main", "ps");
    assert.match(processes, /sleep 1000000/);
    assert.match(processes, /sleep 2000000/);
    await host.kubelet.remove("shared");
  });

  it("accepts connections on a port of the node", async () => {
    const pod = await host.kubelet.run("port", {
      spec: {
        containers: [
          host.shell("main", "echo a page >/tmp/index.html; exec httpd -f -p 8080 -h /tmp", {
            ports: [{ containerPort: 8080, hostPort: 18080 }],
            readinessProbe: { httpGet: { port: 8080, path: "/" }, periodSeconds: 1 },
          }),
        ],
      },
    });
    const page = await fetch(`http://${nodeAddress}:18080/`);
    assert.equal(await page.text(), "a page\n");
    assert.equal(await (await fetch(`http://${pod.status.podIP}:8080/`)).text(), "a page\n");
    await host.kubelet.remove("port");
    await assert.rejects(fetch(`http://${nodeAddress}:18080/`));
  });

  it("runs its hooks, and reports how its containers ended, with their termination messages", async () => {
    const notes = join(host.berth.directory, "notes");
    await mkdir(notes);
    const note = (text: string) => ({ exec: { command: ["sh", "-c", `echo ${text} >>/notes/all`] } });
    const volumeMounts = [{ name: "notes", mountPath: "/notes" }];
    await host.kubelet.apply("hooks", {
      spec: {
        terminationGracePeriodSeconds: 20,
        volumes: [{ name: "notes", hostPath: { path: notes } }],
        initContainers: [
          host.shell("by-file", "echo written >/message", { terminationMessagePath: "/message" }),
        ],
        containers: [
          host.shell("main", "trap 'echo term >>/notes/all; exit 0' TERM; while true; do sleep 0.1; done", {
            lifecycle: { postStart: note("started"), preStop: note("stopping") },
            volumeMounts,
          }),
          host.shell(
            "by-log",
            `echo from the log; [ -e /notes/once ] || { touch /notes/once; exit 3; }; ${idle}`,
            {
              terminationMessagePolicy: "FallbackToLogsOnError",
              volumeMounts,
            },
          ),
        ],
      },
    });
    const pod = await host.kubelet.podThat(
      "hooks",
      "is ready, with a container in its second life",
      (pod) => isReady(pod) && restartsOf(pod, "by-log") === 1,
    );
    assert.equal(containerOf(pod, "by-file").state.terminated?.message, "written\n");
    const byLog = containerOf(pod, "by-log");
    assert.equal(byLog.lastState.terminated?.exitCode, 3);
    assert.equal(byLog.lastState.terminated?.reason, "Error");
    assert.equal(byLog.lastState.terminated?.message, "from the log\n");
    await host.kubelet.remove("hooks");
    assert.equal(await readFile(join(notes, "all"), "utf8"), "started\nstopping\nterm\n");
  });

  it("reports a container that used too much memory", async () => {
    await host.kubelet.apply("greedy", {
      spec: {
        restartPolicy: "Never",
        containers: [
          host.shell("main", "tail -c 200m /dev/zero", { resources: { limits: { memory: "32Mi" } } }),
        ],
      },
    });
    const pod = await host.kubelet.podThat("greedy", "has failed", ({ status }) => status.phase === "Failed");
    const { terminated } = containerOf(pod, "main").state;
    assert.deepEqual([terminated?.reason, terminated?.exitCode], ["OOMKilled", 137]);
    await host.kubelet.remove("greedy");
  });

  it("is recreated when its manifest changes", async () => {
    const manifest = (text: string) => ({
      spec: { containers: [host.shell("main", `echo ${text} >/said; ${idle}`)] },
    });
    const before = await host.kubelet.run("changed", manifest("before"));
    await host.kubelet.apply("changed", manifest("after"));
    const after = await host.kubelet.podThat(
      "changed",
      "is another one",
      (pod) => pod.metadata.uid !== before.metadata.uid && pod.status.containerStatuses?.[0]?.ready === true,
    );
    assert.equal(await run(after, "main", "cat /said"), "after\n");
    await host.kubelet.remove("changed");
  });

  it("gets its image according to its pull policy", async () => {
    const { registry } = host;
    const reference = `${registry.host}/policy:latest`;
    const push = async (text: string) =>
      pushImage(
        registry,
        "policy",
        "latest",
        await busyboxImage({ layers: [[{ name: "said", content: text }]] }),
      );
    const said = async (name: string, imagePullPolicy: string) => {
      const container = host.shell("main", idle, { image: reference, imagePullPolicy });
      const pod = await host.kubelet.run(name, { spec: { containers: [container] } });
      return run(pod, "main", "cat /said");
    };
    await host.kubelet.apply("never", {
      spec: { containers: [host.shell("main", idle, { image: reference, imagePullPolicy: "Never" })] },
    });
    await host.kubelet.podThat(
      "never",
      "is told that there is no image",
      ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason === "ErrImageNeverPull",
    );
    await host.kubelet.remove("never");
    await host.kubelet.apply("absent", {
      spec: { containers: [host.shell("main", idle, { image: `${registry.host}/absent:latest` })] },
    });
    await host.kubelet.podThat("absent", "is told why it has no image", ({ status }) =>
      /absent:latest/.test(status.containerStatuses?.[0]?.state.waiting?.message ?? ""),
    );
    await host.kubelet.remove("absent");
    await push("one");
    assert.equal(await said("first", "IfNotPresent"), "one");
    await push("two");
    assert.equal(await said("present", "IfNotPresent"), "one");
    assert.equal(await said("always", "Always"), "two");
    for (const name of ["first", "present", "always"]) await host.kubelet.remove(name);
  });

  it("leaves nothing behind when its manifest is removed after it has ended by itself", async () => {
    await host.kubelet.apply("once", {
      spec: { restartPolicy: "Never", containers: [host.shell("main", "exit 0")] },
    });
    await host.kubelet.podThat("once", "has succeeded", ({ status }) => status.phase === "Succeeded");
    await host.kubelet.remove("once");
    const labelSelector = { "io.kubernetes.pod.name": `once-${nodeName}` };
    await host.kubelet.until("the runtime has nothing of it", async () => {
      const filter = { id: "", podSandboxId: "", state: undefined, labelSelector };
      const { containers } = await host.berth.clients.runtime.listContainers({ filter });
      return containers.length === 0 && (await host.kubelet.sandboxes("once")).length === 0;
    });
  });
});
