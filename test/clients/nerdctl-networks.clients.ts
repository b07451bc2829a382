/** Ports, networks, volumes and whole projects with an unmodified nerdctl. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { eventually } from "../support/condition.ts";
import { withClients } from "../support/with-clients.ts";

describe("nerdctl network, volume and compose", () => {
  const host = withClients();
  const nerdctl = (...args: readonly string[]) => host.programs.nerdctl(...args);
  const page = (port: number) =>
    eventually(`port ${port} answers`, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      return answer?.text();
    });
  const serve = (text: string) => `mkdir -p /w; echo ${text} > /w/index.html; exec httpd -f -p 80 -h /w`;

  before(() => nerdctl("pull", host.image));

  it("publishes a container's port on the host", async () => {
    await nerdctl("run", "-d", "--name", "web", "-p", "18080:80", host.image, "sh", "-c", serve("published"));
    assert.equal(await page(18_080), "published\n");
    assert.equal(await nerdctl("port", "web"), "80/tcp -> 0.0.0.0:18080");
    await nerdctl("rm", "-f", "web");
    await assert.rejects(fetch("http://127.0.0.1:18080/"));
  });

  it("creates a network in which containers find each other by name, and removes it", async () => {
    await nerdctl("network", "create", "own", "--subnet", "10.213.7.0/24");
    await nerdctl("run", "-d", "--name", "known", "--network", "own", host.image, "sleep", "1000");
    const said = await nerdctl(
      "run",
      "--rm",
      "--network",
      "own",
      host.image,
      "ping",
      "-c",
      "1",
      "-W",
      "5",
      "known",
    );
    assert.match(said, /from 10\.213\.7\.2/);
    const [network] = JSON.parse(await nerdctl("network", "inspect", "own"));
    assert.deepEqual(
      Object.values<{ Name: string }>(network.Containers).map(({ Name }) => Name),
      ["known"],
    );
    await nerdctl("rm", "-f", "known");
    await nerdctl("network", "rm", "own");
    assert.doesNotMatch(await nerdctl("network", "ls"), /own/);
  });

  it("explains why a container cannot join its network", async () => {
    const { stderr, code } = await host.programs.say("nerdctl", [
      "run",
      "--rm",
      "--network",
      "absent",
      host.image,
    ]);
    assert.notEqual(code, 0);
    assert.match(stderr, /no such network.*absent/);
  });

  it("runs a container without a network, and in the host's", async () => {
    const links = (network: string) =>
      nerdctl("run", "--rm", "--network", network, host.image, "ls", "/sys/class/net");
    assert.equal(await links("none"), "lo");
    const [own] = (await readFile("/proc/self/net/dev", "utf8")).match(/nerdctl\w+|br-\w+/) ?? [];
    assert.ok((await links("host")).includes(own ?? "no bridge"));
  });

  it("keeps a volume from one container to the next, and mounts directories of the host", async () => {
    await nerdctl("volume", "create", "kept");
    const with_ = (...options: readonly string[]) => nerdctl("run", "--rm", ...options);
    await with_("-v", "kept:/data", host.image, "sh", "-c", "echo kept > /data/file");
    assert.equal(await with_("-v", "kept:/data", host.image, "cat", "/data/file"), "kept");
    const [{ Mountpoint }] = JSON.parse(await nerdctl("volume", "inspect", "kept"));
    const script = "cat /seen/file; touch /seen/new 2>/dev/null || echo refused";
    assert.equal(
      await with_("-v", `${Mountpoint}:/seen:ro`, host.image, "sh", "-c", script),
      "kept\nrefused",
    );
    await nerdctl("volume", "rm", "kept");
    assert.equal(await nerdctl("volume", "ls", "-q"), "");
  });

  it("starts a project whose services reach each other, and removes it", async () => {
    const directory = host.programs.path("project");
    await mkdir(directory);
    const file = `${directory}/compose.yaml`;
    await writeFile(
      file,
      JSON.stringify({
        services: {
          web: {
            image: host.image,
            command: ["sh", "-c", serve("composed")],
            ports: ["18081:80"],
            volumes: ["data:/data"],
            stop_signal: "SIGKILL",
          },
          client: {
            image: host.image,
            depends_on: ["web"],
            stop_signal: "SIGKILL",
            command: ["sh", "-c", "until wget -q -O - http://web/; do sleep 0.1; done; exec sleep 1000"],
          },
        },
        volumes: { data: {} },
      }),
    );
    const compose = (...args: readonly string[]) => nerdctl("compose", "-f", file, ...args);
    await compose("up", "-d");
    assert.equal(await page(18_081), "composed\n");
    await eventually("the client has asked", async () =>
      (await compose("logs", "client")).includes("composed"),
    );
    const services = await compose("ps");
    for (const name of ["web", "client"]) assert.match(services, new RegExp(`${name} +running`));
    assert.equal(await compose("exec", "-T", "web", "cat", "/w/index.html"), "composed");
    await compose("down", "-v");
    assert.equal(await nerdctl("ps", "-aq"), "");
    assert.equal(await nerdctl("volume", "ls", "-q"), "");
    assert.doesNotMatch(await nerdctl("network", "ls"), /project/);
  });
});
