/** Services of manifests: addresses and names that lead to pods, with a daemon and the built-in network. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { enterPrivateNetwork } from "../src/testing/private-network.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { programFiles } from "./support/program-files.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);

// Managers of other tests also have networks for services.
await enterPrivateNetwork();

describe("services of manifests", () => {
  // berth's default network, which is created if none is configured, has both families.
  const host = withBerth({ network: undefined, defaultNetwork: "bridge" });
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const text = (...objects: readonly object[]) => objects.map((one) => stringify(one)).join("---\n");
  const shell = (script: string, more: object = {}) => ({
    name: "main",
    image: host.image,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", script],
    ...more,
  });
  const httpd = "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www";
  const server = (kind: "Deployment" | "StatefulSet", name: string, replicas: number) => ({
    apiVersion: "apps/v1",
    kind,
    metadata: { name },
    spec: {
      replicas,
      ...(kind === "StatefulSet" ? { serviceName: name, podManagementPolicy: "Parallel" } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            shell(httpd, {
              ports: [{ name: "http", containerPort: 8080 }],
              // It succeeds once: a ready pod stays ready, even if another manager checks it.
              readinessProbe: {
                exec: { command: ["sh", "-c", "wget -qO /dev/null 127.0.0.1:8080 && mkdir /asked"] },
                periodSeconds: 1,
                failureThreshold: 1000,
              },
            }),
          ],
        },
      },
    },
  });
  const service = (name: string, spec: object = {}) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: "http" }], ...spec },
  });
  const networks = async () => (await run("nft", ["list", "tables"])).stdout.match(/berth_[ps]\w*/g) ?? [];

  it("lead a pod by name, address and variables to all ready pods, and leave nothing behind", async () => {
    // A statically linked busybox cannot look up names.
    const layers = [await programFiles("/usr/bin/socat")];
    await pushImage(host.registry, "socat", "latest", await busyboxImage({ layers }));
    await host.berth.pull(`${host.registry.host}/socat:latest`);
    const client = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "client" },
      spec: {
        backoffLimit: 60,
        template: {
          spec: {
            restartPolicy: "OnFailure",
            terminationGracePeriodSeconds: 0,
            containers: [
              shell(
                `get() { printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /usr/bin/socat -T 2 - TCP\${2:-4}:$1 | tail -n 1; }
                until get web.default.svc.cluster.local:80 | grep web && get db-1.db:8080 | grep db
                do sleep 0.2; done >/dev/null 2>&1
                for i in $(seq 30); do get web:80; done | sort -u | wc -l
                get $WEB_SERVICE_HOST:$WEB_SERVICE_PORT | cut -c 1-4
                get db-1.db:8080
                nslookup db.default.svc.cluster.local | grep -c '^Address: '
                get both:80 6 | cut -c 1-4
                get "[$BOTH_SERVICE_HOST]:80" 6 | cut -c 1-4
                nslookup six.default.svc.cluster.local | grep -c '^Address: fd'
                get nobody:80 2>&1 | grep -o refused
                true`,
                { image: `${host.registry.host}/socat:latest` },
              ),
            ],
          },
        },
      },
    };
    const stop = new AbortController();
    const playing = startCli(
      host.berth,
      ["play", "--log-dir", host.berth.logDir, "--data-dir", join(host.berth.directory, "play"), "-"],
      {
        stdin: text(
          client,
          server("Deployment", "web", 2),
          service("web"),
          server("StatefulSet", "db", 2),
          service("db", { clusterIP: "None" }),
          service("six", { clusterIP: "None", ipFamilies: ["IPv6"], selector: { app: "web" } }),
          service("both", {
            selector: { app: "web" },
            ipFamilyPolicy: "RequireDualStack",
            ipFamilies: ["IPv6", "IPv4"],
          }),
          service("nobody"),
        ),
        signal: stop.signal,
      },
    );
    let seen = "";
    let complained = "";
    playing.child.stderr.on("data", (chunk) => {
      complained += chunk;
    });
    playing.child.stdout.on("data", (chunk) => {
      seen += chunk;
    });
    try {
      await eventually("the client is done", async () => seen.includes("refused"), { limitMs: 60_000 });
    } catch (error) {
      throw new Error(`the client wrote: ${seen}${complained}`, { cause: error });
    } finally {
      stop.abort();
      await playing.outcome;
    }
    const lines = seen.split("\n").flatMap((line) => line.match(/^client-\w+\/main \| (.*)$/)?.[1] ?? []);
    assert.deepEqual(lines, ["2", "web-", "db-1", "2", "web-", "web-", "2", "refused"]);
    assert.deepEqual(await networks(), []);
  });

  it("keep their addresses and lead to pods while the daemon is down and after its restart", async () => {
    const apply = async (...objects: readonly object[]) => {
      const { status, stderr } = await startCli(host.berth, ["apply", "-"], { stdin: text(...objects) })
        .outcome;
      assert.equal(status, 0, stderr);
    };
    await apply(
      service("web", {
        type: "NodePort",
        ipFamilyPolicy: "PreferDualStack",
        ports: [{ port: 80, targetPort: "http", nodePort: 30_081 }],
      }),
      server("Deployment", "web", 1),
    );
    const address = async () => JSON.parse(await output("get", "svc", "web", "-o", "json")).spec.clusterIP;
    const ask = async (url: string) =>
      await fetch(url, { headers: { connection: "close" } }).then(
        async (answer) => (await answer.text()).trim(),
        () => undefined,
      );
    const given = await address();
    const answer = await eventually("the service answers", () => ask(`http://${given}`), { limitMs: 60_000 });
    assert.match(answer, /^web-/);
    assert.equal(await ask("http://127.0.0.1:30081"), answer);
    const own = Object.values(networkInterfaces()).flatMap((list = []) => list);
    const ownIpv6 = own.find(({ family, internal, scopeid }) => family === "IPv6" && !internal && !scopeid);
    assert.equal(await ask(`http://[${ownIpv6?.address}]:30081`), answer);
    const [, ipv6] = JSON.parse(await output("get", "svc", "web", "-o", "json")).spec.clusterIPs;
    assert.equal(await ask(`http://[${ipv6}]`), answer);
    await host.berth.stopDaemon("SIGKILL");
    assert.equal(await ask(`http://${given}`), answer);
    await host.berth.startDaemon();
    await eventually("the manager is back", async () => (await output("get", "deployment")).includes("1/1"));
    assert.equal(await address(), given);
    assert.equal(await ask(`http://${given}`), answer);
    const rival = service("rival", { type: "NodePort", ports: [{ port: 80, nodePort: 30_081 }] });
    const refused = await startCli(host.berth, ["apply", "-"], { stdin: text(rival) }).outcome;
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      /Service default\/rival cannot have the nodePort 30081: Service default\/web has it/,
    );
    await apply(service("far", { clusterIP: "192.0.2.7" }));
    await eventually("the service says that it has another address", async () =>
      /ClusterIPOutOfRange +.*192\.0\.2\.7 is not available/.test(await output("describe", "service", "far")),
    );
    await output("delete", "service", "web", "far");
    await eventually(
      "the node port is gone",
      async () => (await ask("http://127.0.0.1:30081")) === undefined,
    );
    await output("delete", "deployment", "web");
    await eventually("nothing is left", async () => (await networks()).length === 0);
  });
});
