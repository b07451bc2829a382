/** `berth play`: a manifest's pods in the foreground, with a daemon. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { stringify } from "yaml";
import { cli, cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { withBerth } from "./support/with-berth.ts";

describe("berth play", () => {
  const host = withBerth();
  const options = () => ["--log-dir", host.berth.logDir, "--data-dir", join(host.berth.directory, "play")];
  const start = (manifest: string, { signal }: { readonly signal?: AbortSignal } = {}) =>
    startCli(host.berth, ["play", ...options(), "-"], {
      stdin: manifest,
      ...(signal === undefined ? {} : { signal }),
    });
  const play = (manifest: string) => start(manifest).outcome;
  const shell = (name: string, script: string, more: object = {}) => ({
    name,
    image: host.image,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", script],
    ...more,
  });
  const pod = (name: string, spec: object) =>
    stringify({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
  const podsLeft = async () => (await cli(host.berth, "pods", "-q")).stdout;

  it("runs init containers one after the other, then the containers, shows all output by name, and leaves nothing", async () => {
    const { status, stdout, stderr } = await play(
      pod("web", {
        restartPolicy: "Never",
        volumes: [{ name: "work", emptyDir: {} }],
        initContainers: ["first", "second"].map((name) =>
          shell(name, `echo ${name} $NAME; echo ${name} >> /work/order`, {
            env: [{ name: "NAME", value: "of $(GREETING)" }],
            volumeMounts: [{ name: "work", mountPath: "/work" }],
          }),
        ),
        containers: [
          shell("main", "cat /work/order; echo to stderr >&2; printf unended", {
            volumeMounts: [{ name: "work", mountPath: "/work" }],
          }),
        ],
      }),
    );
    assert.deepEqual(stdout.split("\n"), [
      "web/first | first of $(GREETING)",
      "web/second | second of $(GREETING)",
      "web/main | first",
      "web/main | second",
      "web/main | unended",
      "",
    ]);
    assert.equal(stderr, "web/main | to stderr\n");
    assert.equal(status, 0);
    assert.equal(await podsLeft(), "");
    assert.deepEqual(await readdir(host.berth.logDir), []);
    assert.deepEqual(await readdir(join(host.berth.directory, "play", "pods")), []);
  });

  it("restarts failing containers until they succeed, and fails with a pod that must not be restarted", async () => {
    const once = await play(
      pod("again", {
        restartPolicy: "OnFailure",
        volumes: [{ name: "work", emptyDir: {} }],
        containers: [
          shell("main", "[ -e /work/done ] && echo done && exit 0; touch /work/done; exit 3", {
            volumeMounts: [{ name: "work", mountPath: "/work" }],
          }),
        ],
      }),
    );
    assert.deepEqual([once.status, once.stdout], [0, "again/main | done\n"]);
    const failed = await play(
      pod("failed", { restartPolicy: "Never", containers: [shell("main", "exit 3")] }),
    );
    assert.equal(failed.status, 1);
    assert.equal(await podsLeft(), "");
  });

  it("keeps the data of claims, and not that of a pod's own volumes", async () => {
    const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } };
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "kept" }, spec };
    const writer = pod("writer", {
      restartPolicy: "Never",
      volumes: [
        { name: "kept", persistentVolumeClaim: { claimName: "kept" } },
        { name: "own", ephemeral: { volumeClaimTemplate: { spec } } },
      ],
      containers: [
        shell("main", "echo kept > /kept/file; echo own > /own/file", {
          volumeMounts: ["kept", "own"].map((name) => ({ name, mountPath: `/${name}` })),
        }),
      ],
    });
    const { status, stderr } = await play(`${stringify(claim)}---\n${writer}`);
    assert.deepEqual([status, stderr], [0, ""]);
    const claims = join(host.berth.directory, "play", "claims", "default");
    assert.deepEqual(await readdir(claims), ["kept"]);
    assert.equal(await readFile(join(claims, "kept", "file"), "utf8"), "kept\n");
    assert.deepEqual(await readdir(join(host.berth.directory, "play", "claims-of-pods")), []);
  });

  it("ends its pods in order when it is interrupted, and removes them", async () => {
    const interrupt = new AbortController();
    const trap = (name: string) =>
      `trap 'echo ${name} ends; exit 0' TERM; echo up; while true; do sleep 0.1; done`;
    const playing = start(
      pod("served", {
        initContainers: [
          shell("one", trap("one"), { restartPolicy: "Always" }),
          shell("two", trap("two"), { restartPolicy: "Always" }),
        ],
        containers: [
          shell("main", trap("main"), {
            lifecycle: { preStop: { exec: { command: ["sh", "-c", "echo stopping > /proc/1/fd/1"] } } },
          }),
        ],
      }),
      interrupt,
    );
    let seen = "";
    playing.child.stdout.on("data", (chunk) => {
      seen += chunk;
    });
    await eventually("all are up", async () =>
      ["one", "two", "main"].every((name) => seen.includes(`served/${name} | up`)),
    );
    interrupt.abort();
    const { status, stdout } = await playing.outcome;
    assert.deepEqual(
      stdout.split("\n").filter((line) => /ends|stopping/.test(line)),
      ["served/main | stopping", "served/main | main ends", "served/two | two ends", "served/one | one ends"],
    );
    assert.equal(status, 130);
    assert.equal(await podsLeft(), "");
  });

  it("runs the manifest that is generated from a pod of berth run, with an equivalent pod", async () => {
    const script = "trap 'exit 0' TERM; echo $(id -u) $GREETING; while true; do sleep 0.1; done";
    const flags = [
      [
        "-e",
        "GREETING=$(HOME) costs $5",
        "--user",
        "1000:1000",
        "--workdir",
        "/tmp",
        "--label",
        "app=copied",
      ],
      ["-v", `${host.berth.directory}:/host:ro`, "--cpus", "0.5", "--memory", "64m"],
      ["--security-opt", "no-new-privileges", "-p", "127.0.0.1:30812:80", "--log-dir", host.berth.logDir],
    ].flat();
    await cliOutput(host.berth, "run", "-d", "--name", "copied", ...flags, host.image, "sh", "-c", script);
    const generate = async () => (await cli(host.berth, "generate", "kube", "copied")).stdout;
    const config = async () => {
      const inspect = ["inspect", "--type", "container", "copied"];
      const { mounts, ...rest } = JSON.parse(await cliOutput(host.berth, ...inspect)).info.config;
      const { envs, args, working_dir, linux } = rest;
      const { run_as_user, run_as_group, no_new_privs, seccomp } = linux.security_context;
      const { cpu_quota, cpu_period, cpu_shares, memory_limit_in_bytes } = linux.resources;
      return {
        mount: mounts.find((one: { readonly container_path: string }) => one.container_path === "/host"),
        ...{ envs, args, working_dir, run_as_user, run_as_group, no_new_privs, seccomp },
        ...{ cpu_quota, cpu_period, cpu_shares, memory_limit_in_bytes },
      };
    };
    const [manifest, before] = [await generate(), await config()];
    await cliOutput(host.berth, "rm", "--type", "pod", "--force", "copied");
    const interrupt = new AbortController();
    const playing = start(manifest, interrupt);
    let seen = "";
    playing.child.stdout.on("data", (chunk) => {
      seen += chunk;
    });
    await eventually("it is up", async () => seen.includes("\n"));
    assert.equal(seen, "copied/main | 1000 $(HOME) costs $5\n".replace("main", "copied"));
    assert.deepEqual(await config(), before);
    // Name servers and restarts are determined by the program that runs a pod.
    const shown = (text: string) => text.split("\n").filter((line) => !/restartPolicy|dnsPolicy/.test(line));
    assert.deepEqual(shown(await generate()), shown(manifest));
    interrupt.abort();
    assert.equal((await playing.outcome).status, 130);
  });

  it("removes what a killed play has left: its pods, their directories, logs and secrets in memory", async () => {
    const directory = join(host.berth.directory, "play");
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "key" }, stringData: { key: "1" } };
    const spec = {
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: "key", secret: { secretName: "key" } }],
      containers: [
        shell("main", "echo up; sleep 1000", { volumeMounts: [{ name: "key", mountPath: "/key" }] }),
      ],
    };
    const playing = start(`${stringify(secret)}---\n${pod("left", spec)}`);
    let seen = "";
    playing.child.stdout.on("data", (chunk) => {
      seen += chunk;
    });
    await eventually("it is up", async () => seen.includes("up"));
    playing.child.kill("SIGKILL");
    await playing.outcome;
    const mounts = async () => {
      const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
      return lines.filter((line) => line.includes(`${directory}/`)).length;
    };
    assert.notEqual(await podsLeft(), "");
    assert.equal(await mounts(), 1);
    const next = await play(pod("next", { restartPolicy: "Never", containers: [shell("main", "true")] }));
    assert.equal(next.status, 0);
    assert.match(next.stderr, /Pod default\/left was left by a killed `berth play`; removing it/);
    assert.deepEqual([await podsLeft(), await mounts(), await readdir(host.berth.logDir)], ["", 0, []]);
    for (const name of ["pods", "plays"]) assert.deepEqual(await readdir(join(directory, name)), []);
  });

  it("reports all errors in manifests at once, and runs nothing", async () => {
    const { status, stderr } = await play(
      `${pod("Wrong", { containers: [{ name: "main" }] })}---\nkind: Mystery\n---\n${pod("right", { containers: [shell("main", "true")] })}`,
    );
    assert.equal(status, 1);
    assert.match(stderr, /-:4: document 1: metadata\.name: "Wrong" is not a name/);
    assert.match(stderr, /-:7: document 1: spec\.containers\[0\]\.image: is required/);
    assert.match(stderr, /document 2: kind: "Mystery" is not supported here/);
    const ineffective = await play(
      pod("warned", {
        restartPolicy: "Never",
        serviceAccountName: "web",
        containers: [shell("main", "true")],
      }),
    );
    assert.match(
      ineffective.stderr,
      /spec\.serviceAccountName: is the value of its fieldRef, and has no other effect here/,
    );
    const dry = await cli(host.berth, "play", "--dry-run", "/nonexistent.yaml");
    assert.equal(dry.status, 3);
  });
});
