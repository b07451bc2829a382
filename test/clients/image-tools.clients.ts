/** berth, oras, crane and the newest registry read each other's images and artifacts. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { startRegistry, type TestRegistry } from "../../src/testing/registry.ts";
import { cliOutput } from "../support/cli.ts";
import { clientProgram } from "../support/client-programs.ts";
import { execSync, TestPod } from "../support/pod.ts";
import { withBerth } from "../support/with-berth.ts";

const run = promisify(execFile);
const programs = { "docker-registry": undefined, "the newest registry": clientProgram("registry") };

for (const [name, program] of Object.entries(programs))
  describe(`images in ${name}`, () => {
    const host = withBerth();
    let registry: TestRegistry;
    let directory = "";
    before(async () => {
      registry = await startRegistry(program === undefined ? {} : { program });
      directory = await mkdtemp(join(host.berth.directory, "image-tools-"));
      await mkdir(join(directory, "conf"));
      await writeFile(join(directory, "model.bin"), "weights");
      await writeFile(join(directory, "conf", "a.json"), "{}");
    });
    after(() => registry[Symbol.asyncDispose]());

    const tool =
      (which: string) =>
      async (command: string, flag: string, ...args: readonly string[]) => {
        const { stdout } = await run(clientProgram(which), [command, flag, ...args], { cwd: directory });
        return stdout.trim();
      };
    const oras = (command: string, ...args: readonly string[]) =>
      tool("oras")(command, "--plain-http", ...args);
    const crane = (command: string, ...args: readonly string[]) =>
      tool("crane")(command, "--insecure", ...args);
    const berth = (...args: readonly string[]) => cliOutput(host.berth, ...args);
    const image = (path: string) => `${registry.host}/${path}`;

    it("are artifacts that oras pushes, a container mounts, berth pushes elsewhere and oras pulls", async () => {
      const files = image("files:1");
      await oras("push", "--artifact-type", "application/vnd.example", files, "model.bin", "conf/a.json");
      const id = await berth("pull", "-q", files);
      const pod = await TestPod.run(host.berth, "artifact");
      const volume = {
        image: files,
        userSpecifiedImage: "",
        annotations: {},
        runtimeHandler: "",
        imageRef: "",
      };
      const container = await pod.shell("main", host.image, "exec sleep 1000", {
        mounts: [{ containerPath: "/files", image: volume, readonly: true }],
      });
      assert.equal(
        await execSync(host.berth, container, "cat", "/files/model.bin", "/files/conf/a.json"),
        "weights{}",
      );
      await host.berth.clients.runtime.removeContainer({ containerId: container });
      await berth("push", "-q", files, image("copy:1"));
      assert.equal(await crane("digest", image("copy:1")), id);
      await oras("pull", "-o", "pulled", image("copy:1"));
      assert.equal(await readFile(join(directory, "pulled", "conf", "a.json"), "utf8"), "{}");
    });

    it("have referrers that oras finds where berth has pushed them", async () => {
      const files = image("referred:1");
      await oras("push", "--artifact-type", "application/vnd.example", files, "model.bin");
      await oras("attach", "--artifact-type", "application/vnd.example.note", files, "model.bin");
      const [note] = referrersIn(await oras("discover", "--format", "json", files));
      assert.ok(note !== undefined);
      await berth("pull", "-q", files);
      await berth("pull", "-q", note.reference);
      await berth("push", "-q", files, image("elsewhere:1"));
      await berth("push", "-q", note.reference, image("elsewhere:note"));
      const found = referrersIn(await oras("discover", "--format", "json", image("elsewhere:1")));
      assert.deepEqual(
        found.map(({ digest }) => digest),
        [note.digest],
      );
    });

    it("are images that crane validates, and archives that both read", async () => {
      await berth("push", "-q", host.image, image("app:1"));
      await crane("validate", "--remote", image("app:1"));
      await berth("save", "--format", "docker-archive", "-o", join(directory, "saved.tar"), host.image);
      await crane("push", "saved.tar", image("crane:1"));
      await berth("pull", "-q", image("crane:1"));
      await crane("pull", image("app:1"), "crane.tar");
      assert.match(await berth("load", "-i", join(directory, "crane.tar")), /app:1/);
    });
  });

type Referrer = { readonly reference: string; readonly digest: string };

function referrersIn(json: string): readonly Referrer[] {
  return (JSON.parse(json) as { readonly referrers: readonly Referrer[] }).referrers;
}
