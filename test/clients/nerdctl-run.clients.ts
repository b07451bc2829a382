/** Runs and manages containers with an unmodified nerdctl. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { before, describe, it } from "node:test";
import { clientProgram } from "../support/client-programs.ts";
import { eventually } from "../support/condition.ts";
import { withClients } from "../support/with-clients.ts";

describe("nerdctl run", () => {
  const host = withClients();
  const nerdctl = (...args: readonly string[]) => host.programs.nerdctl(...args);

  before(() => nerdctl("pull", host.image));

  /** A container that runs a script, until it is disposed of. */
  async function running(
    name: string,
    script: string,
    ...options: readonly string[]
  ): Promise<AsyncDisposable> {
    const id = await nerdctl("run", "-d", "--name", name, ...options, host.image, "sh", "-c", script);
    return { [Symbol.asyncDispose]: async () => void (await nerdctl("rm", "-f", id)) };
  }

  it("runs a container in the foreground, with input, outputs and its exit code", async () => {
    const command = [
      "run",
      "--rm",
      "-i",
      host.image,
      "sh",
      "-c",
      "read line; echo $line; echo err >&2; exit 4",
    ];
    const { stdout, stderr, code } = await host.programs.say("nerdctl", command, "typed\n");
    assert.deepEqual([stdout, code], ["typed\n", 4]);
    assert.match(stderr, /^err$/m);
    assert.equal(await nerdctl("ps", "-aq"), "");
  });

  it("gives a container a terminal, and a command in it, too", async () => {
    const screen = await host.programs.onTerminal(
      "nerdctl",
      "run",
      "--rm",
      "-it",
      host.image,
      "sh",
      "-c",
      "tty; sleep 1",
    );
    assert.match(screen, /\/dev\/pts\/0\n/);
    await using _running = await running("shown", "exec sleep 1000");
    assert.match(
      await host.programs.onTerminal("nerdctl", "exec", "-it", "shown", "tty"),
      /\/dev\/pts\/\d\n/,
    );
  });

  it("runs it with the given user, environment, limits, name, files and privileges", async () => {
    const options = [
      ...["--user", "1000", "-e", "WORD=hi", "--hostname", "named", "-w", "/tmp", "--read-only"],
      ...["--ulimit", "nofile=100", "--pids-limit", "50", "--shm-size", "10m", "--cap-drop", "ALL"],
      ...["--tmpfs", "/scratch", "--add-host", "friend:192.0.2.7", "--dns", "192.0.2.8"],
    ];
    const script = [
      "id -u; echo $WORD; hostname; pwd; touch /new 2>/dev/null || echo refused; ulimit -n",
      "grep CapBnd /proc/self/status; grep -c ' /scratch ' /proc/mounts; df -k /dev/shm | awk 'END {print $2}'",
      "grep friend /etc/hosts; cat /etc/resolv.conf",
    ].join("; ");
    const said = await nerdctl("run", "--rm", ...options, host.image, "sh", "-c", script);
    assert.deepEqual(
      said.split("\n").map((line) => line.replaceAll(/\s+/g, " ").trim()),
      [
        ...["1000", "hi", "named", "/tmp", "refused", "100", "CapBnd: 0000000000000000", "1", "10240"],
        ...["192.0.2.7 friend", "nameserver 192.0.2.8"],
      ],
    );
  });

  it("runs it privileged on demand", async () => {
    const rights = async (...options: readonly string[]) =>
      BigInt(
        `0x${await nerdctl("run", "--rm", ...options, host.image, "awk", "/CapEff/ {print $2}", "/proc/self/status")}`,
      );
    const [usual, all] = [await rights(), await rights("--privileged")];
    assert.ok((all & usual) === usual && all > usual, `${all} ${usual}`);
  });

  it("enforces its limits of memory and CPUs", async () => {
    const options = ["--memory", "32m", "--cpus", "0.5"];
    const { code } = await host.programs.say("nerdctl", [
      "run",
      "--rm",
      ...options,
      host.image,
      "sh",
      "-c",
      "head -c 200m /dev/zero | tail",
    ]);
    assert.equal(code, 137);
    await using _running = await running("limited", "exec sleep 1000", ...options);
    const [{ Spec }] = JSON.parse(await nerdctl("inspect", "--mode", "native", "limited"));
    const { memory, cpu } = Spec.linux.resources;
    assert.deepEqual([memory.limit, cpu.quota / cpu.period], [2 ** 25, 0.5]);
  });

  it("shows a container's resource usage", async () => {
    await using _running = await running("used", "exec sleep 1000", "--memory", "64m");
    const [stats] = (await nerdctl("stats", "--no-stream", "--format", "json", "used")).split("\n");
    const { Name, MemUsage, PIDs } = JSON.parse(stats ?? "");
    assert.deepEqual([Name, PIDs], ["used", "1"]);
    assert.match(MemUsage, /^[1-9][\d.]*[KM]iB \/ 64MiB$/);
  });

  it("lists, inspects, renames, stops, starts, kills and removes containers", async () => {
    await using _running = await running("first", "trap 'exit 0' TERM; while :; do sleep 0.1; done");
    assert.match(await nerdctl("ps"), /Up .*first$/m);
    assert.equal(
      await nerdctl("inspect", "-f", "{{.State.Status}} {{.Config.Image}}", "first"),
      `running ${host.image}`,
    );
    assert.match(await nerdctl("top", "first"), /sleep 0\.1|trap/);
    await nerdctl("pause", "first");
    assert.match(await nerdctl("ps", "-a"), /Paused.*first$/m);
    await nerdctl("unpause", "first");
    await nerdctl("stop", "first");
    assert.match(await nerdctl("ps", "-a"), /Exited \(0\).*first$/m);
    await nerdctl("start", "first");
    await nerdctl("restart", "first");
    await nerdctl("rename", "first", "second");
    assert.match(await nerdctl("ps"), /Up .*second$/m);
    await nerdctl("kill", "second");
    assert.equal(await nerdctl("wait", "second"), "137");
  });

  it("shows both outputs of a container's log, while it runs and afterwards", async () => {
    await using _running = await running(
      "told",
      "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.3; done",
    );
    const followed = await host.programs.say("nerdctl", ["logs", "-f", "told"]);
    assert.deepEqual(followed.stdout.split("\n"), ["out 1", "out 2", "out 3", ""]);
    assert.deepEqual(followed.stderr.split("\n"), ["err 1", "err 2", "err 3", ""]);
    const last = await host.programs.say("nerdctl", ["logs", "-t", "--tail", "1", "told"]);
    assert.match(last.stdout + last.stderr, /^\d{4}-\S*Z (out|err) 3\n$/);
  });

  it("runs a command with an empty input", async () => {
    await nerdctl("run", "-d", "--name", "fed", host.image, "sleep", "1000");
    for (const words of ["typed", "again"]) {
      const said = await host.programs.say("nerdctl", ["exec", "-i", "fed", "cat"], words);
      assert.deepEqual([said.stdout, said.code], [words, 0]);
    }
    await nerdctl("rm", "-f", "fed");
  });

  it("runs commands in a container, and copies files into it and out of it", async () => {
    await using _running = await running("busy", "exec sleep 1000");
    assert.equal(
      await nerdctl(
        "exec",
        "-u",
        "1000",
        "-w",
        "/tmp",
        "-e",
        "A=b",
        "busy",
        "sh",
        "-c",
        "id -u; pwd; echo $A",
      ),
      "1000\n/tmp\nb",
    );
    const { code } = await host.programs.say("nerdctl", ["exec", "busy", "sh", "-c", "exit 3"]);
    assert.notEqual(code, 0);
    const [here, back] = [host.programs.path("copied"), host.programs.path("copied-back")];
    await writeFile(here, "copied\n");
    await nerdctl("cp", here, "busy:/tmp/there");
    assert.equal(await nerdctl("exec", "busy", "cat", "/tmp/there"), "copied");
    await nerdctl("cp", "busy:/tmp/there", back);
    assert.equal(await readFile(back, "utf8"), "copied\n");
    assert.match(await nerdctl("diff", "busy"), /^A \/tmp\/there$/m);
  });

  it("commits a container to an image", async () => {
    await using _running = await running("changed", "echo made > /made; exec sleep 1000");
    await eventually(
      "the file is there",
      async () => (await host.programs.say("nerdctl", ["exec", "changed", "cat", "/made"])).code === 0,
    );
    await nerdctl("commit", "--message", "a change", "changed", "example.test/committed:1");
    assert.equal(await nerdctl("run", "--rm", "example.test/committed:1", "cat", "/made"), "made");
    await nerdctl("rmi", "example.test/committed:1");
  });

  it("shares the namespaces of another container", async () => {
    await using _running = await running("other", "exec sleep 1000");
    const shared = ["--network", "container:other", "--pid", "container:other"];
    assert.match(await nerdctl("run", "--rm", ...shared, host.image, "ps"), /^ +1 root +sleep 1000$/m);
  });

  it("creates a container that is started later, and prunes exited ones", async () => {
    await nerdctl("create", "--name", "later", host.image, "echo", "started");
    assert.equal(await nerdctl("start", "-a", "later"), "started");
    await using _running = await running("stays", "exec sleep 1000");
    await nerdctl("container", "prune", "-f");
    assert.equal(await nerdctl("ps", "-a", "--format", "{{.Names}}"), "stays");
    await nerdctl("system", "prune", "-f");
    assert.equal(await nerdctl("ps", "--format", "{{.Names}}"), "stays");
  });

  it("restarts a container according to its policy, also across a restart of the daemon, until it is stopped", async () => {
    await using _running = await running("again", "echo run; exec sleep 1000", "--restart", "always");
    const runs = async () =>
      (await nerdctl("logs", "again")).split("\n").filter((line) => line === "run").length;
    const kill = async () =>
      process.kill(Number(await nerdctl("inspect", "-f", "{{.State.Pid}}", "again")), "SIGKILL");
    await eventually("it has run once", async () => (await runs()) === 1);
    await kill();
    await eventually("it has run twice", async () => (await runs()) === 2);
    await host.berth.restartDaemon("SIGKILL");
    await kill();
    await eventually("it has run three times", async () => (await runs()) === 3);
    await nerdctl("stop", "-t", "0", "again");
    assert.equal(await nerdctl("inspect", "-f", "{{.State.Status}}", "again"), "exited");
    await using _limited = await running("failing", "echo tried; exit 1", "--restart", "on-failure:1");
    await eventually("it was tried twice", async () => (await nerdctl("logs", "failing")) === "tried\ntried");
    assert.equal(await nerdctl("inspect", "-f", "{{.State.Status}}", "again"), "exited");
  });

  it("shows events", async () => {
    const events = spawn(
      clientProgram("nerdctl"),
      [...host.programs.nerdctlArguments, "events", "--format", "json"],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    try {
      const seen: string[] = [];
      createInterface({ input: events.stdout }).on("line", (line) => {
        if (line !== "") seen.push(JSON.parse(line).Topic);
      });
      await eventually("a whole life was seen", async () => {
        seen.length = 0;
        await nerdctl("run", "--rm", host.image, "true");
        return (
          seen.includes("/tasks/start") && seen.includes("/tasks/exit") && seen.includes("/containers/delete")
        );
      });
    } finally {
      events.kill();
    }
  });

  it("shows the events that match a filter", async () => {
    const filtered = ["events", "--filter", "event=start", "--format", "{{.Topic}}"];
    const events = spawn(clientProgram("nerdctl"), [...host.programs.nerdctlArguments, ...filtered], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      const seen: string[] = [];
      createInterface({ input: events.stdout }).on("line", (line) => line !== "" && seen.push(line));
      await eventually("starts were seen", async () => {
        await nerdctl("run", "--rm", host.image, "true");
        return seen.length > 2;
      });
      assert.deepEqual([...new Set(seen)], ["/tasks/start"]);
    } finally {
      events.kill();
    }
  });

  it("prunes unused containers, networks, volumes and images", async () => {
    await using _running = await running("used", "exec sleep 1000");
    await nerdctl("network", "create", "unused");
    for (const volume of ["unused", "kept"]) await nerdctl("volume", "create", volume);
    await nerdctl("run", "--name", "ended", "-v", "kept:/kept", host.image, "true");
    await nerdctl("tag", host.image, "example.test/unused:1");
    await nerdctl("volume", "prune", "--all", "--force");
    assert.equal(await nerdctl("volume", "ls", "-q"), "kept");
    await nerdctl("system", "prune", "--all", "--force");
    assert.equal(await nerdctl("ps", "-a", "--format", "{{.Names}}"), "used");
    assert.doesNotMatch(await nerdctl("network", "ls"), /unused/);
    assert.equal(await nerdctl("images", "--format", "{{.Repository}}:{{.Tag}}"), host.image);
    await nerdctl("volume", "rm", "kept");
  });

  it("still has its containers and their logs after a restart of the daemon", async () => {
    await using _running = await running(
      "outlives",
      "trap '' PIPE; i=0; while :; do echo $((i=i+1)); sleep 0.1; done",
    );
    await eventually("it has said something", async () => (await nerdctl("logs", "outlives")).includes("2"));
    await host.berth.restartDaemon("SIGKILL");
    assert.match(await nerdctl("ps"), /Up .*outlives$/m);
    assert.deepEqual((await nerdctl("logs", "outlives")).split("\n").slice(0, 2), ["1", "2"]);
  });
});
