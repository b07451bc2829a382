/** Each manifest of `examples/`, played as its first lines say, with the tests' busybox. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { withBerth } from "./support/with-berth.ts";

const directory = new URL("../examples/", import.meta.url);

describe("examples", () => {
  const host = withBerth();

  async function start(file: string, signal?: AbortSignal) {
    const text = await readFile(new URL(file, directory), "utf8");
    const stdin = text.replaceAll("docker.io/library/busybox:1.37", host.image);
    assert.ok(stdin.includes(host.image), `${file} has the image that stands for the tests'`);
    const options = ["--log-dir", host.berth.logDir, "--data-dir", join(host.berth.directory, "play")];
    return startCli(host.berth, ["play", ...options, "-"], {
      stdin,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /**
   * Ends the pods when `use` has ended, even with an error; `use` gets a function that returns all output so
   * far.
   */
  async function playing(file: string, use: (output: () => string) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const { child, outcome } = await start(file, stop.signal);
    const chunks: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => chunks.push(String(chunk)));
    try {
      await use(() => chunks.join(""));
    } catch (error) {
      throw new Error(`berth play wrote: ${chunks.join("")}`, { cause: error });
    } finally {
      stop.abort();
      await outcome;
    }
  }

  /** The reply of a server on this machine, once it replies. */
  async function answer(url: string): Promise<string> {
    return await eventually(`${url} answers`, async () => {
      const response = await fetch(url).catch(() => undefined);
      return response?.status === 200 ? await response.text() : undefined;
    });
  }

  const linesOf = (stdout: string) => stdout.split("\n").filter((line) => line !== "");

  it("web: shows the page of the config map", async () => {
    await playing("web.yaml", async () => {
      assert.equal(await answer("http://127.0.0.1:30080/"), "<h1>It works</h1>\n");
    });
  });

  it("guestbook: keeps names in the store, also when it is played again", async () => {
    const url = "http://127.0.0.1:30081/cgi-bin/sign";
    await playing("guestbook.yaml", async () => {
      await answer(url);
      assert.equal(await answer(`${url}?Ada`), "Signed by:\nAda\n");
    });
    await playing("guestbook.yaml", async () => {
      await answer(url);
      assert.equal(await answer(`${url}?Grace`), "Signed by:\nAda\nGrace\n");
    });
  });

  it("job: runs each part once", async () => {
    const { outcome } = await start("job.yaml");
    const { status, stdout } = await outcome;
    assert.equal(status, 0);
    assert.deepEqual(
      linesOf(stdout)
        .map((line) => line.replace(/^.* \| /, ""))
        .toSorted(),
      ["part 0: 0", "part 1: 1", "part 2: 4"],
    );
  });

  it("cron-job: runs with the minute", async () => {
    await playing("cron-job.yaml", async (output) => {
      await eventually("the time was told", async () => output().includes("| It is "), { limitMs: 90_000 });
    });
  });

  it("sidecar: passes on what the main container writes, and ends with it", async () => {
    const { outcome } = await start("sidecar.yaml");
    const { status, stdout } = await outcome;
    assert.equal(status, 0);
    assert.deepEqual(
      linesOf(stdout),
      ["report of report", "one", "two", "three"].map((line) => `report/shipper | ${line}`),
    );
  });

  it("are all tested here", async () => {
    const tested = ["cron-job.yaml", "guestbook.yaml", "job.yaml", "sidecar.yaml", "web.yaml"];
    assert.deepEqual((await readdir(directory)).toSorted(), tested);
  });
});
