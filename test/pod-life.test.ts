/** The life of pods that the manager runs: probes, hooks, restarts and exits, as with a kubelet. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, it, type MockTracker } from "node:test";
import { gunzipSync } from "node:zlib";
import { stringify } from "yaml";
import { type Client, connectEndpoint } from "../src/clients/criclient/index.ts";
import { isOfKind, Manager, noPersistence, type StoredPod } from "../src/clients/manager/index.ts";
import { readManifests } from "../src/clients/manifests/index.ts";
import { imageAnnotation } from "../src/clients/podspec/index.ts";
import { TurnedClock } from "../src/ground/clock/testing/turned-clock.ts";
import { ignoreGone } from "../src/ground/fs/index.ts";
import { ImageServiceService, RuntimeServiceService } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { cli, cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { startCri, type TestedCri } from "./support/cri.ts";
import { withBerth } from "./support/with-berth.ts";

describe("a pod of the manager", () => {
  const host = withBerth();
  const clock = new TurnedClock();
  const events: { readonly pod: string; readonly reason: string; readonly message: string }[] = [];
  let cri: TestedCri;
  let client: Client;
  let manager: Manager;
  before(async () => {
    cri = await startCri(host.berth, host.registry);
    client = await connectEndpoint(cri.socket, {
      signal: new AbortController().signal,
      timeoutMs: 60_000,
    });
    manager = await Manager.open({
      client,
      clock,
      persistence: noPersistence,
      dataDir: join(host.berth.directory, "manager"),
      logRoot: host.berth.logDir,
      credentials: async () => undefined,
      logLimits: { maxBytes: 4096, maxFiles: 3 },
      onEvent: ({ name }, { reason, message }) => events.push({ pod: name, reason, message }),
    });
  });
  after(async () => {
    await manager?.[Symbol.asyncDispose]();
    client?.[Symbol.dispose]();
    await cri?.[Symbol.asyncDispose]();
  });

  const shell = (name: string, script: string, more: object = {}) => ({
    name,
    image: host.image,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", script],
    ...more,
  });
  const forEver = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
  const podOf = (name: string): StoredPod => {
    const found = manager.get({ kind: "Pod", namespace: "default", name });
    if (found === undefined || !isOfKind(found, "Pod")) throw new Error(`there is no pod ${name}`);
    return found;
  };
  const status = (name: string) => {
    const found = podOf(name).status?.pod;
    if (found === undefined) throw new Error(`pod ${name} has no status`);
    return found;
  };
  const container = (name: string, index = 0) => {
    const wanted = podOf(name).manifest.spec.containers[index]?.name;
    const found = status(name).containerStatuses.find((one) => one.name === wanted);
    if (found === undefined) throw new Error(`pod ${name} has no container ${index}`);
    return found;
  };
  const condition = (name: string, type: string) =>
    status(name).conditions.find((one) => one.type === type)?.status;
  const until = (what: string, holds: () => boolean) => eventually(what, async () => holds());
  const run = async (name: string, spec: object) => {
    const text = stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 2, ...spec },
    });
    await manager.apply(readManifests([{ file: name, text }]).manifests);
    // The manager accepts a pod only after it was applied.
    await manager.until(() => status(name).containerStatuses.length > 0);
    return { [Symbol.asyncDispose]: () => remove(name) };
  };
  const remove = async (name: string, graceSeconds = 1) => {
    const { uid } = await manager.delete({ kind: "Pod", namespace: "default", name }, graceSeconds);
    await manager.waitUntilGone(uid);
  };

  /** Runs something before each call of a method. */
  const beforeCall = <Request>(
    mock: MockTracker,
    { path }: { readonly path: string; readonly requestDeserialize: (value: Buffer) => Request },
    happening: (request: Request) => unknown,
  ) => {
    const unary = client.unary.bind(client);
    mock.method(client, "unary", async (...call: Parameters<Client["unary"]>) => {
      const [method, request] = call;
      if (method.path === path) await happening(request as Request);
      return await unary(...call);
    });
  };

  it("waits 10 s before its second restart, twice as long before each further one, and no longer than 5 min", async () => {
    await using _ = await run("crash", { containers: [shell("main", "exit 3")] });
    const restarts = () => container("crash").restartCount;
    const backsOff = (count: number) =>
      until(`it waits after restart ${count}`, () => {
        const { state } = container("crash");
        return restarts() === count && "waiting" in state && state.waiting.reason === "CrashLoopBackOff";
      });
    // The first restart is immediate.
    await backsOff(1);
    for (const [index, seconds] of [10, 20, 40, 80, 160, 300, 300].entries()) {
      const { state } = container("crash");
      const written = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
      assert.match(
        "waiting" in state ? (state.waiting.message ?? "") : "",
        new RegExp(`^back-off ${written} restarting failed container=main pod=crash_default`),
      );
      clock.turn((seconds - 5) * 1000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(restarts(), index + 1, `not before ${seconds} s`);
      clock.turn(5_000);
      await until("it is started again", () => restarts() === index + 2);
      await backsOff(index + 2);
    }
    const { lastState } = container("crash");
    assert.equal(lastState.terminated?.exitCode, 3);
    assert.equal(lastState.terminated?.reason, "Error");
    const backOffs = events.filter(({ pod, reason }) => pod === "crash" && reason === "BackOff");
    assert.equal(backOffs.length, 8);
    assert.match(
      backOffs[0]?.message ?? "",
      /^Back-off restarting failed container main in pod crash_default/,
    );
  });

  it("is ready once its readiness probe succeeds, and not ready when it fails", async () => {
    await using _ = await run("probed", {
      containers: [
        shell("main", `sleep 1; touch /tmp/ready; ${forEver}`, {
          env: [{ name: "FILE", value: "/tmp/ready" }],
          readinessProbe: { exec: { command: ["cat", "$(FILE)"] }, periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
    });
    await until("it runs", () => status("probed").phase === "Running");
    assert.deepEqual(
      [condition("probed", "Ready"), condition("probed", "ContainersReady")],
      ["False", "False"],
    );
    await until("it is ready", () => condition("probed", "Ready") === "True");
    const id = container("probed").containerID?.replace(/^.*:\/\//, "") ?? "";
    await cliOutput(cri, "exec", id, "rm", "/tmp/ready");
    await until("it is not ready", () => condition("probed", "Ready") === "False");
    assert.equal(container("probed").restartCount, 0);
  });

  it("stays ready while it is being stopped, until its probe fails or it exits", async () => {
    const untilTold = "until [ -e /tmp/told ]; do sleep 0.1; done";
    const preStop = { exec: { command: ["sh", "-c", `touch /tmp/hooked; ${untilTold}`] } };
    const sidecar = shell(
      "sidecar",
      `trap '${untilTold}; exit 0' TERM; ${forEver.slice(forEver.indexOf("while"))}`,
    );
    await using _ = await run("leaving", {
      terminationGracePeriodSeconds: 60,
      initContainers: [{ ...sidecar, restartPolicy: "Always" }],
      containers: [shell("main", forEver, { lifecycle: { preStop } })],
    });
    await until("it is ready", () => condition("leaving", "Ready") === "True");
    const exec = ["exec", container("leaving").containerID?.replace(/^.*:\/\//, "") ?? ""];
    await manager.delete({ kind: "Pod", namespace: "default", name: "leaving" });
    await eventually(
      "its hook runs",
      async () => (await cli(cri, ...exec, "test", "-e", "/tmp/hooked")).status === 0,
    );
    assert.equal(condition("leaving", "Ready"), "True");
    await cliOutput(cri, ...exec, "touch", "/tmp/told");
    await until("it has ended", () => container("leaving").ready === false);
    assert.equal(status("leaving").initContainerStatuses[0]?.ready, true);
  });

  it("restarts only the container whose image changes, whatever its policy", async () => {
    for (const restartPolicy of ["Always", "Never"]) {
      const name = `changing-${restartPolicy.toLowerCase()}`;
      const spec = (image: string) => ({
        restartPolicy,
        containers: [shell("main", forEver, { image }), shell("beside", forEver)],
      });
      await using _ = await run(name, spec(host.image));
      await until("it is ready", () => condition(name, "Ready") === "True");
      const before = [container(name), container(name, 1)];
      // Another name of the same image.
      const other = host.image.replace(/:latest$/, "");
      assert.notEqual(other, host.image);
      await run(name, spec(other));
      await until(
        "it runs again",
        () => container(name).restartCount === 1 && condition(name, "Ready") === "True",
      );
      assert.equal(container(name).image, other);
      assert.notEqual(container(name).containerID, before[0]?.containerID);
      assert.equal(container(name, 1).containerID, before[1]?.containerID);
      assert.equal(container(name, 1).restartCount, 0);
    }
  });

  it("stops containers whose images change in parallel", async () => {
    // Each waits until the other is being stopped, too.
    const waiting = (own: string, other: string) =>
      `trap 'touch /shared/${own}; while [ ! -e /shared/${other} ]; do sleep 0.1; done; exit 0' TERM; touch /shared/${own}-runs; while true; do sleep 0.1; done`;
    const more = {
      volumeMounts: [{ name: "shared", mountPath: "/shared" }],
      readinessProbe: { exec: { command: ["sh", "-c", "ls /shared/*-runs"] }, periodSeconds: 1 },
    };
    const spec = (image: string) => ({
      terminationGracePeriodSeconds: 60,
      volumes: [{ name: "shared", emptyDir: {} }],
      containers: [
        shell("one", waiting("one", "two"), { image, ...more }),
        shell("two", waiting("two", "one"), { image, ...more }),
      ],
    });
    await using _ = await run("beside", spec(host.image));
    await until("it is ready", () => condition("beside", "Ready") === "True");
    await run("beside", spec(host.image.replace(/:latest$/, "")));
    await eventually(
      "both run again",
      async () => [0, 1].every((index) => container("beside", index).restartCount === 1),
      { limitMs: 120_000 },
    );
    for (const index of [0, 1]) assert.equal(container("beside", index).lastState.terminated?.exitCode, 0);
  });

  it("restarts a container with another image even if an older daemon has created it", async (t) => {
    if (cri.socket !== host.berth.socket) return t.skip("of an older berthd, which ran on itself alone");
    beforeCall(t.mock, RuntimeServiceService.createContainer, ({ config }) => {
      delete config?.annotations[imageAnnotation];
    });
    await using _ = await run("aged", { containers: [shell("main", forEver)] });
    await until("it is ready", () => condition("aged", "Ready") === "True");
    t.mock.reset();
    await run("aged", {
      containers: [shell("main", forEver, { image: host.image.replace(/:latest$/, "") })],
    });
    await until("it runs again", () => container("aged").restartCount === 1);
  });

  it("restarts a container whose liveness probe fails, by HTTP and TCP, after its startup probe has succeeded", async () => {
    await using _ = await run("alive", {
      containers: [
        shell(
          "web",
          "mkdir /www; echo ok > /www/live; httpd -f -p 8080 -h /www & sleep 3; rm /www/live; wait",
          {
            ports: [{ name: "http", containerPort: 8080 }],
            startupProbe: { tcpSocket: { port: "http" }, periodSeconds: 1, failureThreshold: 20 },
            livenessProbe: {
              httpGet: { port: "http", path: "/live" },
              periodSeconds: 1,
              failureThreshold: 1,
            },
          },
        ),
      ],
    });
    await until("it is started", () => container("alive").started);
    await until("it is restarted", () => container("alive").restartCount > 0);
    assert.ok(
      events.some(
        ({ pod, reason, message }) => pod === "alive" && reason === "Killing" && message.includes("liveness"),
      ),
    );
  });

  it("waits for a postStart hook before it starts the next container, and ends one whose hook fails", async () => {
    await using _ = await run("hooked", {
      volumes: [{ name: "work", emptyDir: {} }],
      restartPolicy: "Never",
      containers: [
        shell("first", forEver, {
          volumeMounts: [{ name: "work", mountPath: "/work" }],
          lifecycle: { postStart: { exec: { command: ["sh", "-c", "sleep 1; touch /work/hooked"] } } },
        }),
        shell("second", "[ -e /work/hooked ]", { volumeMounts: [{ name: "work", mountPath: "/work" }] }),
        shell("third", "trap 'exit 7' TERM; while true; do sleep 0.1; done", {
          volumeMounts: [{ name: "work", mountPath: "/work" }],
          lifecycle: {
            postStart: { exec: { command: ["sh", "-c", "sleep 1; echo hunter2; exit 1"] } },
            preStop: { exec: { command: ["touch", "/work/stopping"] } },
          },
        }),
        shell("fourth", "[ -e /work/stopping ]", { volumeMounts: [{ name: "work", mountPath: "/work" }] }),
      ],
    });
    const ended = (index: number) => {
      const { state } = container("hooked", index);
      return "terminated" in state ? state.terminated.exitCode : undefined;
    };
    await until("the second has succeeded", () => ended(1) === 0);
    await until("the third has been stopped, after its preStop hook", () => ended(2) === 7);
    await until("the fourth has succeeded", () => ended(3) === 0);
    const told = events.filter(({ pod }) => pod === "hooked");
    assert.ok(told.some(({ reason }) => reason === "FailedPostStartHook"));
    // What a hook writes may be secret, and events are logged.
    assert.doesNotMatch(JSON.stringify(told), /hunter2/);
  });

  it("shows a container's termination message, from its file, or from its log if requested", async () => {
    await using _ = await run("words", {
      restartPolicy: "Never",
      containers: [
        shell("file", "echo from file > /dev/termination-log; exit 1"),
        shell("log", "echo from log; exit 1", { terminationMessagePolicy: "FallbackToLogsOnError" }),
        shell("none", "echo nothing; exit 1"),
      ],
    });
    await until("it has failed", () => status("words").phase === "Failed");
    const words = status("words").containerStatuses.map(({ state }) =>
      "terminated" in state ? state.terminated.message : "it runs",
    );
    assert.deepEqual(words, ["from file\n", "from log\n", undefined]);
  });

  it("has its log rotated without losing a line", async () => {
    const script = "trap 'exit 0' TERM; i=0; while true; do i=$((i+1)); echo line $i; sleep 0.005; done";
    await using _ = await run("chatty", {
      restartPolicy: "Never",
      containers: [shell("main", script)],
    });
    await until("it runs", () => condition("chatty", "Ready") === "True");
    const directory = dirname(manager.logPath(podOf("chatty"), "main", 0));
    const files = async () => (await readdir(directory)).toSorted();
    const rotated = new Set<string>();
    while (rotated.size < 3) {
      // There is none while it is being renamed.
      await eventually("the log is too long", async () => {
        const log = await stat(join(directory, "0.log")).catch(ignoreGone);
        return log !== undefined && log.size > 4096;
      });
      const before = rotated.size;
      clock.turn(10_000);
      await eventually("it is another", async () => {
        const names = (await files()).filter((name) => name !== "0.log" && !name.endsWith(".tmp"));
        for (const name of names) rotated.add(name.replace(".gz", ""));
        return rotated.size > before;
      });
    }
    await eventually("it goes on in a new one", async () => (await files()).includes("0.log"));
    await cliOutput(cri, "stop", "--type", "container", "default/chatty/main");
    const names = await files();
    assert.equal(names.length, 3);
    const [current = "", ...earlier] = names;
    const texts = await Promise.all(
      [...earlier, current].map(async (name) => {
        const content = await readFile(join(directory, name));
        return (name.endsWith(".gz") ? gunzipSync(content) : content).toString();
      }),
    );
    const numbers = [...texts.join("").matchAll(/line (\d+)$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => (numbers[0] ?? 0) + index),
    );
  });

  it("fails when its deadline has passed, and its containers are stopped", async () => {
    await using _ = await run("late", { activeDeadlineSeconds: 600, containers: [shell("main", forEver)] });
    await until("it runs", () => status("late").phase === "Running");
    clock.turn(601_000);
    await until("it has failed", () => "terminated" in container("late").state);
    assert.deepEqual([status("late").phase, status("late").reason], ["Failed", "DeadlineExceeded"]);
  });

  it("restarts a container by its own rules, whatever the pod's policy", async () => {
    await using _ = await run("ruled", {
      restartPolicy: "Never",
      volumes: [{ name: "work", emptyDir: {} }],
      containers: [
        shell("main", "[ -e /work/once ] && exit 9; touch /work/once; exit 42", {
          volumeMounts: [{ name: "work", mountPath: "/work" }],
          restartPolicy: "Never",
          restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
        }),
      ],
    });
    await until("it has failed", () => status("ruled").phase === "Failed");
    assert.equal(container("ruled").restartCount, 1);
  });

  it("does not start as root, as its image specifies, if that is forbidden", async () => {
    const securityContext = { runAsNonRoot: true };
    await using _ = await run("rootless", { securityContext, containers: [shell("main", forEver)] });
    const waiting = () => {
      const { state } = container("rootless");
      return "waiting" in state ? state.waiting : undefined;
    };
    await until("it is refused", () => waiting()?.reason === "CreateContainerConfigError");
    assert.match(waiting()?.message ?? "", /has runAsNonRoot, and image \S+ runs as root; set runAsUser/);
  });

  it("reports that the image was removed before its container was created", async ({ mock }) => {
    beforeCall(mock, ImageServiceService.imageStatus, ({ image }) => {
      // The second status, by its id. A runtime that holds the image cannot be made to remove it.
      if (image !== undefined && image.image !== host.image) image.image = `${host.registry.host}/removed:v1`;
    });
    const securityContext = { runAsNonRoot: true };
    await using _ = await run("vanished", { securityContext, containers: [shell("main", forEver)] });
    const refused = () => events.find(({ pod, reason }) => pod === "vanished" && reason === "Failed");
    await until("it is refused", () => refused() !== undefined);
    assert.match(refused()?.message ?? "", /^Error: image \S+ was removed/);
  });

  it("has the image of a volume pulled before its container is created", async () => {
    await pushImage(host.registry, "mounted", "latest", await busyboxImage({ config: { Cmd: ["mounted"] } }));
    await using _ = await run("mounting", {
      restartPolicy: "Never",
      containers: [
        shell("main", "[ -e /mounted/bin ]", { volumeMounts: [{ name: "image", mountPath: "/mounted" }] }),
      ],
      volumes: [{ name: "image", image: { reference: `${host.registry.host}/mounted:latest` } }],
    });
    await until("it is over", () => /Succeeded|Failed/.test(status("mounting").phase ?? ""));
    assert.equal(status("mounting").phase, "Succeeded");
  });

  it("says why an image is missing, and retries after a back-off", async () => {
    const image = `${host.registry.host}/missing:v1`;
    await using _ = await run("imageless", {
      containers: [
        { name: "pulled", image },
        { name: "never", image, imagePullPolicy: "Never" },
      ],
    });
    const reasons = () =>
      status("imageless").containerStatuses.map(({ state }) =>
        "waiting" in state ? state.waiting.reason : "",
      );
    await until("both wait", () => reasons().join() === "ErrImageNeverPull,ErrImagePull");
    assert.equal(status("imageless").phase, "Pending");
  });

  it("stops a container within the pod's grace period: its hook, its signal, then SIGKILL", async () => {
    await run("stubborn", {
      terminationGracePeriodSeconds: 4,
      containers: [
        shell("main", "trap 'echo told' TERM; while true; do sleep 0.1; done", {
          lifecycle: { preStop: { sleep: { seconds: 1 } } },
        }),
      ],
    });
    await until("it runs", () => condition("stubborn", "Ready") === "True");
    const begunAt = performance.now();
    const { uid } = await manager.delete({ kind: "Pod", namespace: "default", name: "stubborn" });
    await manager.waitUntilGone(uid);
    const seconds = (performance.now() - begunAt) / 1000;
    assert.ok(seconds >= 4 && seconds < 20, `it took ${seconds} s`);
  });

  it("runs the hooks of sidecars with the others, and stops sidecars last", async () => {
    const directory = join(host.berth.directory, "end-order");
    await mkdir(directory);
    const noting = (name: string, hook: string, more: object = {}) =>
      shell(name, `trap 'echo ${name} >> /order/order; exit 0' TERM; while true; do sleep 0.1; done`, {
        volumeMounts: [{ name: "order", mountPath: "/order" }],
        lifecycle: {
          preStop: { exec: { command: ["sh", "-c", `${hook}; echo ${name}-hook >> /order/order`] } },
        },
        ...more,
      });
    await run("end-order", {
      volumes: [{ name: "order", hostPath: { path: directory } }],
      initContainers: [noting("side", "true", { restartPolicy: "Always" })],
      containers: [noting("main", "sleep 2")],
    });
    await until("it runs", () => condition("end-order", "Ready") === "True");
    const { uid } = await manager.delete({ kind: "Pod", namespace: "default", name: "end-order" }, 60);
    await manager.waitUntilGone(uid);
    assert.deepEqual((await readFile(join(directory, "order"), "utf8")).split("\n"), [
      "side-hook",
      "main-hook",
      "main",
      "side",
      "",
    ]);
  });

  it("stops a container that fails its liveness probe within the probe's grace period", async () => {
    await using _ = await run("probe-grace", {
      terminationGracePeriodSeconds: 600,
      containers: [
        shell("main", "trap '' TERM; while true; do sleep 0.1; done", {
          livenessProbe: {
            exec: { command: ["false"] },
            periodSeconds: 1,
            failureThreshold: 1,
            terminationGracePeriodSeconds: 1,
          },
        }),
      ],
    });
    await until("it is restarted", () => container("probe-grace").restartCount > 0);
  });

  it("is not ready while a readiness gate is false, which nobody here changes", async () => {
    await using _ = await run("gated", {
      readinessGates: [{ conditionType: "example.test/open" }],
      containers: [shell("main", forEver)],
    });
    await until("its containers are ready", () => condition("gated", "ContainersReady") === "True");
    const ready = status("gated").conditions.find(({ type }) => type === "Ready");
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      [
        "False",
        "ReadinessGatesNotReady",
        'corresponding condition of pod readiness gate "example.test/open" does not exist.',
      ],
    );
  });

  it("that could not be initialized reports which container failed, and that others wait for it", async () => {
    await using _ = await run("uninitialized", {
      restartPolicy: "Never",
      initContainers: [shell("good", "true"), shell("bad", "exit 4")],
      containers: [shell("main", forEver)],
    });
    await until("it has failed", () => status("uninitialized").phase === "Failed");
    const initialized = status("uninitialized").conditions.find(({ type }) => type === "Initialized");
    assert.equal(initialized?.message, "containers with incomplete status: [bad]");
    assert.deepEqual(container("uninitialized").state, { waiting: { reason: "PodInitializing" } });
  });

  it("that has succeeded reports its initialization as complete, too", async () => {
    await using _ = await run("completed", { restartPolicy: "Never", containers: [shell("main", "true")] });
    await until("it has succeeded", () => status("completed").phase === "Succeeded");
    const initialized = status("completed").conditions.find(({ type }) => type === "Initialized");
    assert.deepEqual([initialized?.status, initialized?.reason], ["True", "PodCompleted"]);
  });

  it("is run by its runtimeClassName's runtime handler", async () => {
    await using _ = await run("classed", {
      runtimeClassName: "mystery",
      containers: [shell("main", forEver)],
    });
    await until("it says that there is no such handler", () =>
      events.some(({ pod, message }) => pod === "classed" && message.includes("mystery")),
    );
    assert.equal(status("classed").phase, "Pending");
  });

  it("gets a new sandbox after the old one has ended, and runs its init containers again", async () => {
    await using _ = await run("moved", {
      initContainers: [shell("init", "echo init")],
      containers: [shell("main", forEver)],
    });
    await until("it runs", () => condition("moved", "Ready") === "True");
    const stopSandbox = async () => {
      const before = container("moved").containerID;
      await cliOutput(cri, "stop", "--type", "pod", "moved");
      await until("it runs again", () => {
        const { containerID, state } = container("moved");
        return containerID !== before && "running" in state;
      });
    };
    const init = () => status("moved").initContainerStatuses[0];
    await stopSandbox();
    assert.deepEqual([init()?.restartCount, init()?.ready], [1, true]);
    assert.match(await cliOutput(cri, "pods"), /moved +default +1 /);
    await stopSandbox();
    await stopSandbox();
    // The ordinary container may have had one more restart each time: a runtime that stops the containers
    // before the sandbox briefly shows a stopped container in a ready sandbox.
    assert.equal(init()?.restartCount, 3);
    // The last but one is kept for inspection.
    await eventually("older sandboxes are gone", async () => {
      const lines = (await cliOutput(cri, "pods")).split("\n");
      return lines.filter((line) => line.includes("moved")).length === 2;
    });
  });

  it("ends sooner if it is deleted again with a shorter grace period, even during its hook", async () => {
    const spec = { terminationGracePeriodSeconds: 300 };
    await run("deaf", {
      ...spec,
      containers: [shell("main", "trap '' TERM; while true; do sleep 0.1; done")],
    });
    await run("hooked", {
      ...spec,
      containers: [shell("main", forEver, { lifecycle: { preStop: { sleep: { seconds: 200 } } } })],
    });
    for (const name of ["deaf", "hooked"]) {
      await until(`${name} runs`, () => condition(name, "Ready") === "True");
      const { uid } = await manager.delete({ kind: "Pod", namespace: "default", name });
      await new Promise((resolve) => setTimeout(resolve, 500));
      await manager.delete({ kind: "Pod", namespace: "default", name }, 1);
      await manager.waitUntilGone(uid, AbortSignal.timeout(20_000));
    }
  });

  describe("of a job", () => {
    // Not every runtime runs commands in a container that is being stopped.
    const told = () => join(host.berth.directory, "told");
    /** Runs a job with one pod, which executes `onSignal` on SIGTERM. */
    const runJob = async (name: string, spec: object, onSignal: string) => {
      const job = { kind: "Job", namespace: "default", name } as const;
      const script = `trap '${onSignal}' TERM; touch /tmp/up; while true; do sleep 0.1; done`;
      const readinessProbe = { exec: { command: ["cat", "/tmp/up"] }, periodSeconds: 1 };
      const template = {
        spec: {
          restartPolicy: "Never",
          terminationGracePeriodSeconds: 300,
          containers: [
            shell("main", script, {
              readinessProbe,
              volumeMounts: [{ name: "told", mountPath: "/told" }],
            }),
          ],
          volumes: [{ name: "told", hostPath: { path: told(), type: "DirectoryOrCreate" } }],
        },
      };
      const apply = async (more: object) => {
        const object = { metadata: { name }, spec: { ...spec, ...more, template } };
        const text = stringify({ apiVersion: "batch/v1", kind: "Job", ...object });
        await manager.apply(readManifests([{ file: "job.yaml", text }]).manifests);
      };
      await apply({});
      const pods = () => manager.list().filter(({ owner }) => owner === manager.get(job)?.uid);
      await manager.until(() => pods().length === 1);
      const [pod = ""] = pods().map(({ manifest }) => manifest.metadata.name);
      await until("it is ready", () => condition(pod, "Ready") === "True");
      return {
        pod,
        apply,
        pods,
        counted: () => manager.get(job)?.gonePods ?? [],
        [Symbol.asyncDispose]: async () => manager.waitUntilGone((await manager.delete(job, 1)).uid),
      };
    };

    it("is no failure if its job is suspended, even if somebody makes it end sooner", async () => {
      await using job = await runJob("paused", {}, "");
      await job.apply({ suspend: true });
      await manager.until(() => podOf(job.pod).deleting !== undefined);
      await remove(job.pod);
      assert.deepEqual(job.counted(), []);
    });

    it("counts by its outcome if somebody deletes it and its job waits for that", async () => {
      await using job = await runJob("patient", { podReplacementPolicy: "Failed" }, "exit 0");
      await remove(job.pod, 300);
      assert.deepEqual(
        job.counted().map(({ failure }) => failure),
        [undefined],
      );
      const rules = [{ action: "Ignore", onExitCodes: { operator: "In", values: [42] } }];
      await using ruled = await runJob("ruled-job", { podFailurePolicy: { rules } }, "exit 42");
      await remove(ruled.pod, 300);
      assert.deepEqual(
        ruled.counted().map(({ failure }) => failure && [failure.counts, failure.message]),
        [
          [
            false,
            `Container main for pod default/${ruled.pod} failed with exit code 42 matching Ignore rule at index 0`,
          ],
        ],
      );
    });

    it("is given up and replaced if somebody deletes it, even if it then succeeds", async () => {
      const untilTold = "until [ -e /told/told ]; do sleep 0.1; done; exit 0";
      await using job = await runJob("hasty", {}, untilTold);
      const { uid } = await manager.delete({ kind: "Pod", namespace: "default", name: job.pod });
      await manager.until(() => job.pods().length === 2);
      await writeFile(join(told(), "told"), "");
      await manager.waitUntilGone(uid);
      assert.deepEqual(
        job.counted().map(({ failure }) => failure?.counts),
        [true],
      );
      assert.equal(job.pods().length, 1);
    });
  });
});
