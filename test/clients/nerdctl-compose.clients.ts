/** Runs a project of several services with an unmodified nerdctl compose. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { eventually } from "../support/condition.ts";
import { withClients } from "../support/with-clients.ts";

describe("nerdctl compose", () => {
  const host = withClients();
  const nerdctl = (...args: readonly string[]) => host.programs.nerdctl(...args);
  const compose = (...args: readonly string[]) => nerdctl("compose", "-f", file(), ...args);
  const file = () => host.programs.path("services/compose.yaml");

  before(async () => {
    await nerdctl("pull", host.image);
    await mkdir(host.programs.path("services"));
    const files = { secret: "hidden\n", config: "shown\n", "compose.yaml": JSON.stringify(project()) };
    for (const [name, text] of Object.entries(files))
      await writeFile(host.programs.path(`services/${name}`), text);
  });

  const asked = "until wget -q -O - http://db/; do sleep 0.1; done";
  const project = () => ({
    services: {
      db: {
        image: host.image,
        command: ["sh", "-c", "echo stored > /data/index.html; exec httpd -f -p 80 -h /data"],
        volumes: ["data:/data"],
        networks: ["back"],
        environment: { WORD: "given" },
        healthcheck: { test: "test -e /data/index.html", interval: "1h" },
        deploy: { resources: { limits: { memory: "64m", cpus: "0.5" } } },
        ulimits: { nofile: 500 },
        read_only: true,
        extra_hosts: ["other:192.0.2.9"],
        stop_signal: "SIGKILL",
      },
      web: {
        image: host.image,
        depends_on: ["db"],
        command: ["sh", "-c", `${asked} ; echo asked; exec sleep 1000`],
        networks: ["back", "front"],
        secrets: ["secret"],
        configs: ["config"],
        hostname: "named",
        working_dir: "/tmp",
        user: "1000:1001",
        stop_signal: "SIGKILL",
      },
      once: { image: host.image, command: ["sh", "-c", "echo ended; exit 3"], network_mode: "none" },
    },
    networks: { back: { ipam: { config: [{ subnet: "10.213.8.0/24" }] } }, front: {} },
    volumes: { data: {} },
    secrets: { secret: { file: "./secret" } },
    configs: { config: { file: "./config" } },
  });

  it("starts services in order, with their networks, files and limits", async () => {
    await compose("up", "-d");
    await eventually("the other service has answered", async () =>
      (await compose("logs", "--no-log-prefix", "web")).includes("asked"),
    );
    const web = "cat /run/secrets/secret /config; hostname; pwd; id -u; ls /sys/class/net | wc -l";
    assert.deepEqual((await compose("exec", "-T", "web", "sh", "-c", web)).split("\n"), [
      ...["hidden", "shown", "named", "/tmp", "1000", "3"],
    ]);
    const db =
      "echo $WORD; ulimit -n; touch /new 2>/dev/null || echo refused; grep -c 192.0.2.9 /etc/hosts; ip -o -4 addr show eth0";
    const said = await compose("exec", "-T", "db", "sh", "-c", db);
    assert.match(said, /^given\n500\nrefused\n1\n.*inet 10\.213\.8\.\d+\/24/);
    const [{ HostConfig }] = JSON.parse(await nerdctl("inspect", await compose("ps", "-q", "db")));
    assert.equal(HostConfig.Memory, 2 ** 26);
    assert.match(await compose("logs", "once"), /ended/);
    const states = JSON.parse(await compose("ps", "-a", "--format", "json")) as readonly Listed[];
    assert.deepEqual(states.map(({ Service, State }) => `${Service} ${State}`).toSorted(), [
      ...["db running", "once exited", "web running"],
    ]);
  });

  it("checks the health of a service on demand", async () => {
    const id = await compose("ps", "-q", "db");
    await nerdctl("container", "healthcheck", id);
    assert.equal(await nerdctl("inspect", "-f", "{{.State.Health.Status}}", id), "healthy");
  });

  it("pauses, stops, starts and scales services, copies files, and applies changes of its file", async () => {
    await compose("pause", "web");
    assert.match(await nerdctl("ps", "-a"), /Paused.*services-web-1$/m);
    await compose("unpause", "web");
    await compose("stop", "db");
    await compose("start", "db");
    await compose("cp", "db:/data/index.html", host.programs.path("copied"));
    assert.equal(await readFile(host.programs.path("copied"), "utf8"), "stored\n");
    await compose("up", "-d", "--scale", "web=2");
    const webs = await nerdctl("ps", "--filter", "name=services-web", "--format", "{{.Names}}");
    assert.deepEqual(webs.split("\n").toSorted(), ["services-web-1", "services-web-2"]);
    const { services, ...others } = project();
    const db = { ...services.db, environment: { WORD: "changed" } };
    await writeFile(file(), JSON.stringify({ ...others, services: { ...services, db } }));
    await compose("up", "-d");
    assert.equal(await compose("exec", "-T", "db", "sh", "-c", "echo $WORD"), "changed");
  });

  it("removes everything, including its volumes", async () => {
    await compose("down", "--volumes", "--remove-orphans");
    assert.equal(await nerdctl("ps", "-aq"), "");
    assert.equal(await nerdctl("volume", "ls", "-q"), "");
    assert.doesNotMatch(await nerdctl("network", "ls"), /services_/);
  });
});

type Listed = { readonly Service: string; readonly State: string };
