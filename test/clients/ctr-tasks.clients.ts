/** Runs containers with an unmodified ctr. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import { clientProgram } from "../support/client-programs.ts";
import { eventually } from "../support/condition.ts";
import { checkpointing } from "../support/criu.ts";
import { withClients } from "../support/with-clients.ts";

const options = await checkpointing();

describe("ctr run and tasks", () => {
  const host = withClients(options);
  const ctr = (...args: readonly string[]) => host.programs.ctr(...args);

  before(() => ctr("images", "pull", host.image));

  /** A container that sleeps, until it is disposed of. */
  async function sleeping(id: string, ...options: readonly string[]): Promise<AsyncDisposable> {
    await ctr("run", "-d", ...options, host.image, id, "sleep", "1000");
    return {
      [Symbol.asyncDispose]: async () => {
        await ctr("tasks", "rm", "-f", id);
        await ctr("containers", "rm", id);
      },
    };
  }

  it("runs a container, shows both outputs, and exits with its status", async () => {
    const script = "read line; echo $line; echo err >&2; exit 7";
    const args = ["run", "--rm", host.image, "ends", "sh", "-c", script];
    assert.deepEqual(await host.programs.say("ctr", args, "typed\n"), {
      stdout: "typed\n",
      stderr: "err\n",
      code: 7,
    });
    assert.equal(await ctr("containers", "ls", "-q"), "");
    assert.doesNotMatch(await ctr("snapshots", "ls"), /Active/);
  });

  it("gives a container a terminal", async () => {
    assert.match(
      await host.programs.onTerminal(
        "ctr",
        "run",
        "--rm",
        "-t",
        host.image,
        "tty",
        "sh",
        "-c",
        "tty; sleep 1",
      ),
      /\/dev\/pts\/0\n/,
    );
  });

  it("runs it with the given user, environment, mounts, limits, capabilities and host name, and read-only", async () => {
    const options = [
      ...["--user", "1000", "--env", "WORD=hi", "--hostname", "named", "--cwd", "/tmp", "--read-only"],
      ...["--mount", `type=bind,src=${host.berth.logDir},dst=/seen,options=rbind:ro`],
      ...["--cap-drop", "CAP_CHOWN", "--rlimit-nofile", "100", "--seccomp", "--memory-limit", "50000000"],
    ];
    const script =
      "id -u; echo $WORD; hostname; pwd; touch /new || echo refused; ls -d /seen; ulimit -n; grep Seccomp: /proc/self/status";
    const said = await ctr("run", "--rm", ...options, host.image, "asked", "sh", "-c", script);
    assert.deepEqual(said.split("\n"), [
      "1000",
      "hi",
      "named",
      "/tmp",
      "refused",
      "/seen",
      "100",
      "Seccomp:\t2",
    ]);
  });

  it("runs it in a user namespace of its own", async () => {
    const mapped = ["--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"];
    const script = "id -u; id -g; cat /proc/self/uid_map; touch /root-made; stat -c %u:%g /root-made /bin/sh";
    // On a copy of the image with other owners, and on the image with its owners mapped.
    for (const way of [[], ["--remap-labels"]]) {
      const said = await ctr("run", "--rm", ...mapped, ...way, host.image, "mapped", "sh", "-c", script);
      assert.deepEqual(
        said.split("\n").map((line) => line.trim().split(/ +/).join(" ")),
        ["0", "0", "0 100000 65536", "0:0", "0:0"],
        way.join(),
      );
    }
  });

  it("runs it with the OCI runtime that the client names in runc's options", async () => {
    for (const binary of ["crun", "runc"])
      assert.equal(
        await ctr("run", "--rm", "--runc-binary", binary, host.image, binary, "echo", binary),
        binary,
      );
  });

  it("lists tasks and their processes, and runs further commands in them", async () => {
    await using _sleeping = await sleeping("busy");
    assert.match(await ctr("tasks", "ls"), /^busy +\d+ +RUNNING/m);
    const command = ["tasks", "exec", "--exec-id", "one", "--user", "1000", "--cwd", "/tmp", "busy"];
    const said = await host.programs.say(
      "ctr",
      [...command, "sh", "-c", "id -u; pwd; read line; echo $line; exit 5"],
      "in\n",
    );
    assert.deepEqual([said.stdout, said.code], ["1000\n/tmp\nin\n", 5]);
    const terminal = ["tasks", "exec", "-t", "--exec-id", "two", "busy", "tty"];
    assert.match(await host.programs.onTerminal("ctr", ...terminal), /\/dev\/pts\/\d\n/);
    await ctr("tasks", "exec", "--detach", "--exec-id", "three", "busy", "sleep", "1000");
    assert.equal((await ctr("tasks", "ps", "busy")).split("\n").length, 3);
    await ctr("tasks", "kill", "-s", "SIGKILL", "--exec-id", "three", "busy");
    await eventually(
      "the command has ended",
      async () => (await ctr("tasks", "ps", "busy")).split("\n").length === 2,
    );
  });

  it("shows a task's resource usage", async () => {
    await using _sleeping = await sleeping("used");
    const { stdout, code } = await host.programs.say("ctr", ["tasks", "metrics", "used"]);
    assert.equal(code, 0);
    assert.match(stdout, /^used +seconds:\d+/m);
    assert.match(stdout, /^(memory\.usage_in_bytes|memory\.usage) +[1-9]\d* *$/m);
  });

  it("checkpoints a container into an image, from which another one continues", async () => {
    const script = "i=0; while :; do echo $((i=i+1)) > /count; sleep 0.05; done";
    // criu cannot restore a client's FIFOs.
    await ctr("run", "-d", "--null-io", host.image, "counts", "sh", "-c", script);
    const count = async (id: string) =>
      Number(
        await ctr(
          "tasks",
          "exec",
          "--exec-id",
          `count-${Math.random()}`.replace(".", "-"),
          id,
          "cat",
          "/count",
        ),
      );
    await eventually("it has counted", async () => (await count("counts").catch(() => 0)) > 5);
    await ctr("containers", "checkpoint", "--rw", "--image", "--task", "counts", "example.test/checkpoint:1");
    const before = await count("counts");
    await ctr("tasks", "rm", "-f", "counts");
    await ctr("containers", "rm", "counts");
    await ctr("containers", "restore", "--rw", "--live", "goes-on", "example.test/checkpoint:1");
    await eventually("it counts on", async () => (await count("goes-on")) > before);
    await ctr("tasks", "rm", "-f", "goes-on");
    await ctr("containers", "rm", "goes-on");
  });

  it("pauses and resumes a task, signals it, and deletes it", async () => {
    await ctr(
      "run",
      "-d",
      host.image,
      "steps",
      "sh",
      "-c",
      "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.1; done",
    );
    const ready = ["tasks", "exec", "--exec-id", "ready", "steps", "test", "-e", "/ready"];
    await eventually("it is ready", async () => (await host.programs.say("ctr", ready)).code === 0);
    await ctr("tasks", "pause", "steps");
    assert.match(await ctr("tasks", "ls"), /^steps +\d+ +PAUSED/m);
    await ctr("tasks", "resume", "steps");
    await ctr("tasks", "kill", "-s", "SIGTERM", "steps");
    await eventually("it has ended", async () => /^steps +\d+ +STOPPED/m.test(await ctr("tasks", "ls")));
    assert.deepEqual(
      (await host.programs.say("ctr", ["tasks", "rm", "steps"])).stderr.match(/code \d+/)?.[0],
      "code 9",
    );
    await ctr("containers", "rm", "steps");
  });

  it("creates a container, and starts and attaches to it later", async () => {
    await ctr(
      "containers",
      "create",
      "--label",
      "color=red",
      host.image,
      "later",
      "sh",
      "-c",
      "read line; echo got $line",
    );
    assert.equal(await ctr("containers", "ls", "-q", "labels.color==red"), "later");
    const { stdout, code } = await host.programs.say("ctr", ["tasks", "start", "later"], "this\n");
    assert.deepEqual([stdout, code], ["got this\n", 0]);
    const info = JSON.parse(await ctr("containers", "info", "later"));
    assert.deepEqual(
      [info.Image, info.Runtime.Name, info.Spec.process.args[0]],
      [host.image, "io.containerd.runc.v2", "sh"],
    );
    await ctr("containers", "rm", "later");
  });

  it("attaches to a running container, and exits with it", async () => {
    const script = "read line; echo got $line; read line; exit 3";
    await ctr("run", "-d", host.image, "attached", "sh", "-c", script);
    const attached = spawn(
      clientProgram("ctr"),
      [...host.programs.ctrArguments, "tasks", "attach", "attached"],
      {
        stdio: ["pipe", "pipe", "ignore"],
      },
    );
    const exit = once(attached, "exit");
    try {
      let output = "";
      attached.stdout.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
      attached.stdin.write("this\n");
      // ctr opens the output while it sends the input: once the container has ended, its output may be gone.
      await eventually("the output has come", async () => output === "got this\n");
      attached.stdin.write("end\n");
      assert.deepEqual(await exit, [3, null]);
    } finally {
      attached.kill("SIGKILL");
    }
    await ctr("containers", "rm", "attached");
  });

  it("writes both outputs to a file", async () => {
    const log = host.programs.path("output.log");
    const script = "echo out; echo err >&2";
    await ctr("run", "--rm", "--log-uri", `file://${log}`, host.image, "filed", "sh", "-c", script);
    assert.equal(await readFile(log, "utf8"), "out\nerr\n");
  });

  it("shows the events of a container's life in order", async () => {
    const events = spawn(clientProgram("ctr"), [...host.programs.ctrArguments, "events"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      const seen: string[] = [];
      createInterface({ input: events.stdout }).on("line", (line) => seen.push(line));
      let count = 0;
      await eventually("it listens", async () => {
        await ctr("run", "--rm", host.image, `probe-${count++}`, "true");
        return seen.some((line) => line.includes("/containers/delete"));
      });
      seen.length = 0;
      await ctr("images", "tag", host.image, "example.test/told:1");
      await ctr("images", "rm", "example.test/told:1");
      await ctr("run", "--rm", host.image, "told", "true");
      await eventually("the last one has come", async () => seen.at(-1)?.includes("/containers/delete"));
      const ofImages = seen.filter((line) => line.includes('{"name":"example.test/told:1"'));
      assert.deepEqual(
        ofImages.map((line) => line.split(" ")[5]),
        ["/images/create", "/images/delete"],
      );
      assert.deepEqual(
        seen.filter((line) => line.includes('"told"')).map((line) => line.split(" ")[5]),
        [
          "/snapshot/prepare",
          "/containers/create",
          "/tasks/create",
          "/tasks/start",
          "/tasks/exit",
          "/tasks/delete",
          "/snapshot/remove",
          "/containers/delete",
        ],
      );
    } finally {
      events.kill();
    }
  });

  it("attaches a container to a network with the machine's CNI configuration", async () => {
    const network = {
      cniVersion: "1.0.0",
      name: "ctr-cni",
      plugins: [
        { type: "bridge", bridge: "ctr-cni0", ipam: { type: "host-local", subnet: "10.89.77.0/24" } },
      ],
    };
    await writeFile("/etc/cni/net.d/10-ctr.conflist", JSON.stringify(network));
    const said = await ctr(
      "run",
      "--rm",
      "--cni",
      host.image,
      "connected",
      "ip",
      "-4",
      "addr",
      "show",
      "eth0",
    );
    assert.match(said, /inet 10\.89\.77\.\d+\/24/);
    await ctr("run", "--rm", "--cni", host.image, "again", "true");
    await promisify(execFile)("ip", ["link", "delete", "ctr-cni0"]);
  });

  it("labels a container, and shows the labels in lists", async () => {
    await ctr("containers", "create", host.image, "labelled", "true");
    await ctr("containers", "label", "labelled", "mine=1");
    assert.match(await ctr("containers", "ls", "labels.mine==1"), /^labelled /m);
    await ctr("containers", "rm", "labelled");
  });
});
