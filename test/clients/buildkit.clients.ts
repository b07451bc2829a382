/** Builds images with an unmodified buildkitd and buildctl, with berth as the only worker. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { TestBuildkit } from "../support/buildkit.ts";
import { clientProgram } from "../support/client-programs.ts";
import { TestPod } from "../support/pod.ts";
import { withBerth } from "../support/with-berth.ts";

// CRI's namespace, so that a kubelet can run the built images.
const namespace = "k8s.io";

describe("buildkitd with berth as its worker", () => {
  const host = withBerth();
  let started: TestBuildkit | undefined;
  before(async () => {
    started = await TestBuildkit.start(host.berth.socket, namespace);
  });
  after(() => started?.[Symbol.asyncDispose]());
  const buildkit = (): TestBuildkit => {
    if (started === undefined) throw new Error("used before it was started");
    return started;
  };

  it("builds several stages into an image that CRI runs at once", async () => {
    const Dockerfile = `
      FROM ${host.image} AS words
      RUN echo hello > /words && chmod 600 /words
      FROM ${host.image} AS numbers
      WORKDIR /made
      RUN seq 3 > numbers
      FROM ${host.image}
      COPY --from=words --chown=1000:1001 /words /all/words
      COPY --from=numbers /made/numbers /all/
      COPY own /all/
      RUN rm /etc/group
      ENV GREETING=hi
      USER app`;
    const name = "example.test/staged:1";
    await buildkit().build({ files: { Dockerfile, own: "own\n" }, output: `type=image,name=${name}` });
    const pod = await TestPod.run(host.berth, "staged");
    const script =
      "cd /all; cat words numbers own; stat -c '%u:%g %a' words; test -e /etc/group || echo none; echo $GREETING; id -u";
    assert.deepEqual((await pod.output("main", name, script)).split("\n"), [
      ...["hello", "1", "2", "3", "own", "1000:1001 600", "none", "hi", "1000", ""],
    ]);
  });

  it("keeps a cache mount from one build to the next", async () => {
    const dockerfile = (step: string) => `
      FROM ${host.image}
      RUN --mount=type=cache,target=/cache echo ${step} >> /cache/steps && cat /cache/steps > /steps && cat /steps`;
    await buildkit().build({ files: { Dockerfile: dockerfile("one") } });
    const said = await buildkit().build({ files: { Dockerfile: dockerfile("two") } });
    assert.match(said, /\d one\n.*\d two\n/);
  });

  it("shows a secret to the step that asks for it, and leaves it out of the image", async () => {
    const Dockerfile = `
      FROM ${host.image}
      RUN --mount=type=secret,id=word cp /run/secrets/word /tmp/seen && wc -c < /tmp/seen > /length && rm /tmp/seen
      RUN ls -A /run/secrets 2>/dev/null | wc -l > /left`;
    const name = "example.test/secretive:1";
    const secret = join(host.berth.directory, "secret");
    await promisify(execFile)("sh", ["-c", 'printf 12345 > "$0"', secret]);
    const args = ["--secret", `id=word,src=${secret}`];
    await buildkit().build({ files: { Dockerfile }, output: `type=image,name=${name}`, args });
    const pod = await TestPod.run(host.berth, "secretive");
    assert.equal(await pod.output("main", name, "cat /length /left"), "5\n0\n");
  });

  it("puts files of COPY --link on top of any base", async () => {
    const dockerfile = (base: string) => `
      FROM ${host.image} AS other
      RUN mkdir /linked && echo one > /linked/one
      FROM ${host.image}
      RUN mkdir /linked && echo ${base} > /linked/base
      COPY --link --from=other /linked/one /linked/one
      COPY --link two /linked/`;
    for (const base of ["first", "second"]) {
      const name = `example.test/linked:${base}`;
      const files = { Dockerfile: dockerfile(base), two: "two\n" };
      await buildkit().build({ files, output: `type=image,name=${name}` });
      const pod = await TestPod.run(host.berth, `linked-${base}`);
      assert.equal(
        await pod.output("main", name, "cat /linked/base /linked/one /linked/two"),
        `${base}\none\ntwo\n`,
      );
    }
  });

  it("shows the output and the exit status of a step that fails", async () => {
    const Dockerfile = `FROM ${host.image}\nRUN echo before the end && exit 7`;
    await assert.rejects(buildkit().build({ files: { Dockerfile } }), (error: Error) => {
      assert.match(error.message, /before the end/);
      assert.match(error.message, /exit code: 7/);
      return true;
    });
  });

  it("pushes an image to a registry, from where it can be pulled", async () => {
    const name = `${host.registry.host}/pushed:1`;
    const Dockerfile = `FROM ${host.image}\nRUN echo pushed > /said`;
    await buildkit().build({
      files: { Dockerfile },
      output: `type=image,name=${name},push=true,store=false`,
    });
    await host.berth.pull(name);
    const pod = await TestPod.run(host.berth, "pushed");
    assert.equal(await pod.output("main", name, "cat /said"), "pushed\n");
  });

  it("writes layers that are compressed with zstd, and unpacks them", async () => {
    const name = "example.test/zstd:1";
    const Dockerfile = `FROM ${host.image}\nRUN echo zstd > /said`;
    const output = `type=image,name=${name},compression=zstd,force-compression=true,oci-mediatypes=true,unpack=true`;
    await buildkit().build({ files: { Dockerfile }, output });
    const pod = await TestPod.run(host.berth, "zstd");
    assert.equal(await pod.output("main", name, "cat /said"), "zstd\n");
  });

  for (const [kind, proof] of [
    ["oci", /^oci-layout$/m],
    ["docker", /^manifest\.json$/m],
  ] as const) {
    it(`exports a tar archive of the kind ${kind}`, async () => {
      const file = join(host.berth.directory, `${kind}.tar`);
      const Dockerfile = `FROM ${host.image}\nRUN echo archived > /said`;
      const output = `type=${kind},name=example.test/${kind}:1,dest=${file}`;
      await buildkit().build({ files: { Dockerfile }, output });
      const { stdout } = await promisify(execFile)("tar", ["tf", file]);
      assert.match(stdout, proof);
    });
  }

  it("exports the build's result as files", async () => {
    const dest = join(host.berth.directory, "files");
    const Dockerfile = `FROM ${host.image} AS made\nRUN echo file > /said\nFROM scratch\nCOPY --from=made /said /`;
    await buildkit().build({ files: { Dockerfile }, output: `type=local,dest=${dest}` });
    assert.equal(await readFile(join(dest, "said"), "utf8"), "file\n");
  });

  it("uses a cache that another build has exported to a registry", async () => {
    const ref = `${host.registry.host}/cache:1`;
    const Dockerfile = `FROM ${host.image}\nRUN cat /proc/sys/kernel/random/uuid > /random && cat /random`;
    const first = await buildkit().build({
      files: { Dockerfile },
      args: ["--export-cache", `type=registry,ref=${ref},mode=max`],
    });
    await buildkit().buildctl("prune", "--all");
    const output = `type=image,name=example.test/cached:1`;
    const args = ["--import-cache", `type=registry,ref=${ref}`];
    await buildkit().build({ files: { Dockerfile }, output, args });
    const pod = await TestPod.run(host.berth, "cached");
    const random = await pod.output("main", "example.test/cached:1", "cat /random");
    assert.match(first, new RegExp(random.trim()));
  });

  it("prunes what builds left behind, including their leases and snapshots", async () => {
    const ctr = async (...args: readonly string[]) => {
      const to = ["--address", host.berth.socket, "--namespace", namespace];
      return (await promisify(execFile)(clientProgram("ctr"), [...to, ...args])).stdout;
    };
    const leases = () => ctr("leases", "list", "--quiet");
    const snapshots = async () => (await ctr("snapshots", "list")).split("\n").sort();
    await buildkit().buildctl("prune", "--all");
    const before = await snapshots();
    const Dockerfile = `FROM ${host.image}\nRUN dd if=/dev/zero of=/big bs=1M count=8`;
    await buildkit().build({ files: { Dockerfile } });
    assert.match(await buildkit().buildctl("du"), /Total:\s+[\d.]+MB/);
    assert.notEqual(await leases(), "");
    await buildkit().buildctl("prune", "--all");
    assert.match(await buildkit().buildctl("du"), /Total:\s+0B/);
    assert.equal(await leases(), "");
    assert.deepEqual(await snapshots(), before);
  });
});
