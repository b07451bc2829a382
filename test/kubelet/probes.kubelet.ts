/** A kubelet's probes of a container: with ExecSync, and over the pod's network. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { containerIdOf, isReady, restartsOf } from "../support/kubelet.ts";
import { execSync } from "../support/pod.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
const serving = "echo ok >/tmp/health; exec httpd -f -p 8080 -h /tmp";
const often = { periodSeconds: 1, failureThreshold: 1 };

describe("a kubelet's liveness probe", () => {
  const host = withKubelet();

  const kinds = {
    exec: {
      script: `touch /tmp/health; ${idle}`,
      probe: { exec: { command: ["cat", "/tmp/health"] } },
      breakIt: "rm /tmp/health",
    },
    httpGet: {
      script: serving,
      probe: { httpGet: { port: 8080, path: "/health" } },
      breakIt: "rm /tmp/health",
    },
    tcpSocket: {
      // Process 1 of the container keeps running when its server exits.
      script: `httpd -p 8080 -h /tmp; ${idle}`,
      probe: { tcpSocket: { port: 8080 } },
      breakIt: "killall httpd",
    },
  };
  for (const [kind, { script, probe, breakIt }] of Object.entries(kinds)) {
    it(`restarts a container when its ${kind} fails, and not the others`, async () => {
      const name = `liveness-${kind.toLowerCase()}`;
      const pod = await host.kubelet.run(name, {
        spec: {
          containers: [
            host.shell("main", script, { livenessProbe: { ...probe, ...often } }),
            host.shell("other", idle),
          ],
        },
      });
      assert.equal(restartsOf(pod, "main"), 0);
      await execSync(host.berth, containerIdOf(pod, "main"), "sh", "-c", breakIt);
      const after = await host.kubelet.podThat(
        name,
        "was started again",
        (pod) => restartsOf(pod, "main") > 0 && isReady(pod),
      );
      assert.notEqual(containerIdOf(after, "main"), containerIdOf(pod, "main"));
      assert.equal(containerIdOf(after, "other"), containerIdOf(pod, "other"));
      await host.kubelet.remove(name);
    });
  }

  it("kills a command that takes too long", async () => {
    await host.kubelet.apply("slow", {
      spec: {
        containers: [
          host.shell("main", idle, {
            livenessProbe: { exec: { command: ["sleep", "1000"] }, timeoutSeconds: 1, ...often },
          }),
        ],
      },
    });
    await host.kubelet.podThat("slow", "was started again", (pod) => restartsOf(pod, "main") > 0);
    await host.kubelet.remove("slow");
  });
});

describe("a kubelet's readiness probe", () => {
  const host = withKubelet();

  it("reports when a container becomes ready, and when it is no longer ready", async () => {
    await host.kubelet.apply("readiness", {
      spec: {
        containers: [
          host.shell("main", idle, {
            readinessProbe: { exec: { command: ["cat", "/tmp/ready"] }, ...often },
          }),
        ],
      },
    });
    const pod = await host.kubelet.podThat(
      "readiness",
      "runs",
      ({ status }) => status.containerStatuses?.[0]?.state.running !== undefined,
    );
    assert.equal(isReady(pod), false);
    const main = containerIdOf(pod, "main");
    await execSync(host.berth, main, "touch", "/tmp/ready");
    await host.kubelet.podThat("readiness", "is ready", isReady);
    await execSync(host.berth, main, "rm", "/tmp/ready");
    const after = await host.kubelet.podThat("readiness", "is not ready", (pod) => !isReady(pod));
    assert.equal(restartsOf(after, "main"), 0);
    await host.kubelet.remove("readiness");
  });
});
