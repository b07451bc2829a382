/** How containers of the manager's pods see their volumes, as with a kubelet. */
import assert from "node:assert/strict";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { mountInfo } from "../src/ground/linux/index.ts";
import { eventually } from "./support/condition.ts";
import { TestPods } from "./support/with-pods.ts";

describe("a volume of a pod", () => {
  const pods = new TestPods();
  const configMap = (name: string, data: Readonly<Record<string, string>>) =>
    pods.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
  const secret = (name: string, stringData: Readonly<Record<string, string>>) =>
    pods.apply({ apiVersion: "v1", kind: "Secret", metadata: { name }, stringData });

  it("that is an emptyDir in memory is a tmpfs with its size limit, and is removed with the pod", async () => {
    {
      await using pod = await pods.run("memory", {
        containers: [pods.container({ volumeMounts: [{ name: "fast", mountPath: "/fast" }] })],
        volumes: [{ name: "fast", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }],
      });
      await pods.ready("memory");
      assert.match(await pods.exec("memory", "df", "-k", "/fast"), /tmpfs +1024 /);
      assert.match(await pods.exec("memory", "stat", "-c", "%a", "/fast"), /^1777/);
      await assert.rejects(
        pods.exec("memory", "dd", "if=/dev/zero", "of=/fast/f", "bs=1M", "count=2"),
        /No space/,
      );
      assert.ok((await mountInfo()).some(({ mountPoint }) => mountPoint.includes(pod.uid)));
    }
    assert.deepEqual(
      (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(pods.dataDir)),
      [],
    );
    assert.deepEqual(await readdir(join(pods.dataDir, "pods")), []);
  });

  it("that exceeds its limit has its pod evicted", async () => {
    await using _ = await pods.run("greedy", {
      containers: [
        pods.container(
          { volumeMounts: [{ name: "scratch", mountPath: "/scratch" }] },
          "dd if=/dev/zero of=/scratch/file bs=1M count=3",
        ),
      ],
      volumes: [{ name: "scratch", emptyDir: { sizeLimit: "2Mi" } }],
    });
    await eventually("it is evicted", async () => pods.pod("greedy").status?.pod?.phase === "Failed", {
      limitMs: 30_000,
    });
    const { reason, message } = pods.status("greedy");
    assert.deepEqual(
      [reason, message],
      ["Evicted", 'Usage of EmptyDir volume "scratch" exceeds the limit "2Mi".'],
    );
  });

  it("counts towards the storage limits of its pod's containers", async () => {
    const storage = (name: string, limit: string, script: string) =>
      pods.container({ name, resources: { limits: { "ephemeral-storage": limit } } }, script);
    await using _ = await pods.run("writing", {
      containers: [
        storage("main", "2Mi", "dd if=/dev/zero of=/file bs=1M count=3"),
        storage("other", "100Mi", "true"),
      ],
    });
    await using __ = await pods.run("full", {
      containers: [
        pods.container(
          {
            resources: { limits: { "ephemeral-storage": "2Mi" } },
            volumeMounts: [{ name: "scratch", mountPath: "/scratch" }],
          },
          "dd if=/dev/zero of=/scratch/file bs=1M count=3",
        ),
      ],
      volumes: [{ name: "scratch", emptyDir: {} }],
    });
    const evicted = async (name: string) => {
      await eventually(`${name} is evicted`, async () => pods.pod(name).status?.pod?.phase === "Failed", {
        limitMs: 60_000,
      });
      const { reason, message } = pods.status(name);
      return [reason, message];
    };
    assert.deepEqual(await evicted("writing"), [
      "Evicted",
      'Container main exceeded its local ephemeral storage limit "2Mi".',
    ]);
    assert.deepEqual(await evicted("full"), [
      "Evicted",
      "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi.",
    ]);
  });

  it("that is made of objects has mount points for mounts below it", async () => {
    await configMap("outer", { file: "1" });
    await using _ = await pods.run("nested", {
      containers: [
        pods.container({
          volumeMounts: [
            { name: "inner", mountPath: "/outer/deep/inner" },
            { name: "fields", mountPath: "/outer/fields" },
            { name: "outer", mountPath: "/outer/" },
          ],
        }),
      ],
      volumes: [
        { name: "outer", configMap: { name: "outer" } },
        { name: "inner", emptyDir: {} },
        {
          name: "fields",
          downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] },
        },
      ],
    });
    await pods.ready("nested");
    await pods.exec("nested", "touch", "/outer/deep/inner/made");
    assert.equal(await pods.exec("nested", "cat", "/outer/fields/name"), "nested");
    assert.equal(await pods.exec("nested", "ls", "/outer"), "deep\nfields\nfile");
    await configMap("outer", { other: "1" });
    await eventually(
      "its files are others",
      async () => (await pods.exec("nested", "ls", "/outer")) === "deep\nfields\nother",
    );
    assert.equal(await pods.exec("nested", "ls", "/outer/deep/inner"), "made");
  });

  it("of a config map or secret changes atomically with that, but not if it is mounted by subPath", async () => {
    await configMap("settings", { first: "1", second: "1" });
    await secret("keys", { token: "old" });
    await using _ = await pods.run("reader", {
      containers: [
        pods.container({
          volumeMounts: [
            { name: "settings", mountPath: "/settings" },
            { name: "settings", mountPath: "/first", subPath: "first" },
            { name: "keys", mountPath: "/keys" },
            { name: "all", mountPath: "/all" },
          ],
        }),
      ],
      volumes: [
        { name: "settings", configMap: { name: "settings" } },
        { name: "keys", secret: { secretName: "keys", defaultMode: 0o400 } },
        {
          name: "all",
          projected: {
            sources: [
              { secret: { name: "keys", items: [{ key: "token", path: "deep/token" }] } },
              { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
            ],
          },
        },
      ],
    });
    await pods.ready("reader");
    const read = (...paths: readonly string[]) => pods.exec("reader", "cat", ...paths);
    assert.equal(await read("/settings/first", "/settings/second", "/first"), "111");
    assert.equal(await read("/keys/token", "/all/deep/token", "/all/name"), "oldoldreader");
    assert.equal(await pods.exec("reader", "readlink", "/settings/first"), "..data/first");
    assert.equal(await pods.exec("reader", "stat", "-L", "-c", "%a", "/keys/token"), "400");
    for (const path of ["/keys", "/all"])
      assert.match(await pods.exec("reader", "stat", "-f", "-c", "%T", path), /tmpfs/);
    await configMap("settings", { first: "2", third: "2" });
    await secret("keys", { token: "new" });
    await eventually("the files are new", async () => {
      const names = await pods.exec("reader", "ls", "/settings");
      return names === "first\nthird" && (await read("/keys/token", "/all/deep/token")) === "newnew";
    });
    assert.equal(await read("/settings/first", "/settings/third", "/first"), "221");
  });

  it("whose config map is missing keeps all containers from starting, until the config map is there", async () => {
    const mounting = { volumeMounts: [{ name: "late", mountPath: "/late" }] };
    await using pod = await pods.run("early", {
      initContainers: [{ ...pods.container({ name: "first" }), command: ["true"] }],
      containers: [pods.container(mounting)],
      volumes: [
        { name: "late", configMap: { name: "late" } },
        { name: "unused", configMap: { name: "none" } },
      ],
    });
    const problem =
      'FailedMount: MountVolume.SetUp failed for volume "late" : ConfigMap default/late not found';
    await eventually("it says why", async () => pods.events.includes(problem));
    const { phase, initContainerStatuses } = pods.status("early");
    assert.equal(phase, "Pending");
    assert.deepEqual(initContainerStatuses[0]?.state, { waiting: { reason: "PodInitializing" } });
    await configMap("late", { key: "now" });
    await pods.ready("early");
    assert.equal(await pods.exec("early", "cat", "/late/key"), "now");
    assert.notEqual(pod.uid, "");
  });

  it("whose image cannot be had has events that name that image, not its container's", async () => {
    await using _ = await pods.run("artless", {
      containers: [pods.container({ volumeMounts: [{ name: "art", mountPath: "/art" }] })],
      volumes: [{ name: "art", image: { reference: "127.0.0.1:1/art:1" } }],
    });
    const failed = () => pods.events.filter((event) => event.startsWith("Failed: "));
    await eventually("a pull has failed", async () => failed().length > 0);
    assert.match(failed().join("\n"), /^Failed: Failed to pull image "127\.0\.0\.1:1\/art:1": .*$/);
  });

  it("stays as it was for a container that restarts after its config map was deleted", async () => {
    await configMap("lost", { key: "kept" });
    await using _ = await pods.run("restarting", {
      containers: [pods.container({ volumeMounts: [{ name: "lost", mountPath: "/lost" }] })],
      volumes: [{ name: "lost", configMap: { name: "lost" } }],
    });
    await pods.ready("restarting");
    const first = pods.containerId("restarting");
    const { uid } = await pods.manager.delete({ kind: "ConfigMap", namespace: "default", name: "lost" });
    await pods.manager.waitUntilGone(uid);
    await pods.exec("restarting", "kill", "1");
    await eventually("another container runs", async () => {
      const now = pods.containerId("restarting");
      return now !== "" && now !== first;
    });
    await pods.ready("restarting");
    assert.equal(await pods.exec("restarting", "cat", "/lost/key"), "kept");
  });

  it("with the pod's labels and annotations follows their changes while its containers keep running", async () => {
    const items = ["labels", "annotations"].map((path) => ({
      path,
      fieldRef: { fieldPath: `metadata.${path}` },
    }));
    const spec = {
      terminationGracePeriodSeconds: 1,
      containers: [pods.container({ volumeMounts: [{ name: "self", mountPath: "/self" }] })],
      volumes: [{ name: "self", downwardAPI: { items } }],
    };
    const apply = (metadata: object) =>
      pods.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "told", ...metadata }, spec });
    await using _ = await pods.run("told", spec);
    await pods.ready("told");
    const before = pods.status("told").containerStatuses;
    await apply({ labels: { tier: "front" }, annotations: { note: "new" } });
    const files = () => pods.exec("told", "cat", "/self/labels", "/self/annotations");
    await eventually("its files say so", async () => (await files()) === 'tier="front"note="new"');
    assert.deepEqual(pods.status("told").containerStatuses, before);
    await apply({});
    await eventually("its files say nothing any more", async () => (await files()) === "");
  });

  it("by subPath is created if missing, expands variables in its name, and never leads out", async () => {
    const outside = join(pods.dataDir, "outside");
    const inside = join(pods.dataDir, "inside");
    await mkdir(outside, { recursive: true });
    await mkdir(inside, { recursive: true });
    await writeFile(join(outside, "secret"), "nobody's");
    await symlink(outside, join(inside, "out"));
    await symlink("../outside", join(inside, "up"));
    const withPath = (mount: object) => ({
      containers: [
        pods.container({
          env: [{ name: "WHO", value: "me" }],
          volumeMounts: [{ name: "host", mountPath: "/mnt", ...mount }],
        }),
      ],
      volumes: [{ name: "host", hostPath: { path: inside } }],
    });
    {
      await using _ = await pods.run("inside", withPath({ subPathExpr: "logs/$(WHO)" }));
      await pods.ready("inside");
      await pods.exec("inside", "touch", "/mnt/written");
      assert.ok((await stat(join(inside, "logs", "me", "written"))).isFile());
    }
    for (const [name, mount] of Object.entries({
      absolute: { subPath: "out" },
      relative: { subPath: "up/secret" },
      made: { subPath: "out/made" },
      unknown: { subPathExpr: "$(NOBODY)" },
    })) {
      await using _ = await pods.run(name, withPath(mount));
      await eventually(
        `${name} is refused`,
        async () => pods.waitingReason(name) === "CreateContainerConfigError",
      );
    }
    assert.deepEqual(await readdir(outside), ["secret"]);
  });

  it("with the pod's own claim exists as long as the pod", async () => {
    const resources = { requests: { storage: "1Mi" } };
    const ephemeral = { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"], resources } } };
    const spec = (script: string) => ({
      terminationGracePeriodSeconds: 2,
      containers: [pods.container({ volumeMounts: [{ name: "data", mountPath: "/data" }] }, script)],
      volumes: [{ name: "data", ephemeral }],
    });
    const claim = () =>
      pods.manager.get({ kind: "PersistentVolumeClaim", namespace: "default", name: "owner-data" });
    {
      await using pod = await pods.run("owner", spec("echo mine > /data/file"));
      await pods.ready("owner");
      assert.equal(await pods.exec("owner", "cat", "/data/file"), "mine");
      assert.equal(claim()?.owner, pod.uid);
      assert.ok((await stat(join(pods.dataDir, "claims-of-pods", pod.uid, "owner-data", "file"))).isFile());
      await pods.replace("owner", spec("true"));
      await pods.ready("owner");
      assert.equal(await pods.exec("owner", "ls", "/data"), "");
    }
    await eventually("the claim is gone", async () => claim() === undefined);
    assert.deepEqual(await readdir(join(pods.dataDir, "claims-of-pods")), []);
  });

  it("provides variables in a file from an init container, and no link is followed out", async () => {
    const fileKeyRef = { volumeName: "made", path: "env", key: "GREETING" };
    const spec = (script: string) => ({
      restartPolicy: "Never",
      initContainers: [
        pods.container({
          name: "init",
          command: ["sh", "-c", script],
          volumeMounts: [{ name: "made", mountPath: "/made" }],
        }),
      ],
      containers: [pods.container({ env: [{ name: "HELLO", valueFrom: { fileKeyRef } }] })],
      volumes: [{ name: "made", emptyDir: {} }],
    });
    await using _ = await pods.run("greeted", spec(`printf "# words\\nGREETING='good day'\\n" > /made/env`));
    await pods.ready("greeted");
    assert.equal(await pods.exec("greeted", "sh", "-c", "echo $HELLO"), "good day");
    await using _tricked = await pods.run("tricked", spec("ln -s /etc/passwd /made/env"));
    await eventually(
      "it is refused",
      async () => pods.waitingReason("tricked") === "CreateContainerConfigError",
    );
  });

  it("keeps its owners in a pod with a user namespace, and so do secrets", async () => {
    await secret("password", { key: "text" });
    await using _ = await pods.run("own-users", {
      hostUsers: false,
      containers: [
        pods.container({
          volumeMounts: [
            { name: "scratch", mountPath: "/scratch" },
            { name: "files", mountPath: "/files" },
          ],
        }),
      ],
      volumes: [
        { name: "scratch", emptyDir: {} },
        { name: "files", secret: { secretName: "password" } },
      ],
    });
    await pods.ready("own-users");
    const [inside, outside, length] = (await pods.exec("own-users", "cat", "/proc/self/uid_map"))
      .trim()
      .split(/ +/);
    assert.deepEqual([inside, length, Number(outside) >= 2 ** 28], ["0", "65536", true]);
    assert.equal(await pods.exec("own-users", "sh", "-c", "touch /scratch/f && stat -c %u /scratch/f"), "0");
    assert.equal(await pods.exec("own-users", "stat", "-L", "-c", "%u", "/files/key"), "0");
  });

  it("belongs to the pod's group", async () => {
    await configMap("shared", { file: "text" });
    await using _ = await pods.run("grouped", {
      securityContext: { runAsUser: 1000, fsGroup: 2000 },
      containers: [
        pods.container({
          volumeMounts: [
            { name: "scratch", mountPath: "/scratch" },
            { name: "fast", mountPath: "/fast" },
            { name: "files", mountPath: "/files" },
          ],
        }),
      ],
      volumes: [
        { name: "scratch", emptyDir: {} },
        { name: "fast", emptyDir: { medium: "Memory" } },
        { name: "files", configMap: { name: "shared", defaultMode: 0o400 } },
      ],
    });
    await pods.ready("grouped");
    for (const [path, mode] of [
      ["/scratch", "2777"],
      ["/fast", "3777"],
    ] as const) {
      assert.equal(await pods.exec("grouped", "stat", "-c", "%g %a", path), `2000 ${mode}`);
      assert.equal(
        await pods.exec("grouped", "sh", "-c", `touch ${path}/f && stat -c %u:%g ${path}/f`),
        "1000:2000",
      );
    }
    assert.equal(await pods.exec("grouped", "cat", "/files/file"), "text");
    assert.equal(await pods.exec("grouped", "stat", "-L", "-c", "%g %a", "/files/file"), "2000 440");
  });
});
