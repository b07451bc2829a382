import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { exited, TestPod } from "./support/pod.ts";
import { outputOf } from "./support/streams.ts";
import { withBerth } from "./support/with-berth.ts";

/** As in images that have their logs linked to the standard streams. */
const byName = "echo out > /dev/stdout; echo err > /dev/stderr; echo more >> /dev/stdout";

const length = 65_536;
const usernsOptions = {
  mode: NamespaceMode.POD,
  uids: [{ containerId: 0, hostId: 300_000, length }],
  gids: [{ containerId: 0, hostId: 400_000, length }],
};

describe("the standard streams", () => {
  const host = withBerth();

  for (const [kind, userns] of [
    ["of the host's users", {}],
    ["with a user namespace", { usernsOptions }],
  ] as const) {
    for (const user of [undefined, 1000n]) {
      const who = user === undefined ? "root" : `user ${user}`;
      const linux = (security: object = {}) => ({
        linux: {
          securityContext: {
            namespaceOptions: {
              network: NamespaceMode.POD,
              pid: NamespaceMode.CONTAINER,
              ipc: NamespaceMode.POD,
              ...userns,
            },
            ...security,
          },
        },
      });
      const name = `${user === undefined ? "root" : "user"}-${"usernsOptions" in userns ? "mapped" : "plain"}`;
      const config = linux(user === undefined ? {} : { runAsUser: { value: user } });

      it(`can be opened by name in a pod ${kind}, as ${who}, by a container and by commands`, async () => {
        const { berth, image } = host;
        const pod = await TestPod.run(berth, name, linux());
        const script = `${byName}; read line < /dev/stdin`;
        const container = await pod.shell("main", image, script, { ...config, stdin: true });
        const { runtime } = berth.clients;
        const shell = await pod.shell("shell", image, "exec sleep 1000", config);
        const sync = await runtime.execSync({
          containerId: shell,
          cmd: ["sh", "-c", byName],
          timeout: 30n,
        });
        assert.deepEqual(
          [sync.exitCode, sync.stdout.toString(), sync.stderr.toString()],
          [0, "out\nmore\n", "err\n"],
        );
        const streamed = await outputOf(berth, shell, ["sh", "-c", `${byName}; cat /dev/stdin`], {
          input: "given\n",
        });
        assert.deepEqual(streamed, { exitCode: 0, stdout: "out\nmore\ngiven\n", stderr: "err\n" });
        const terminal = await outputOf(berth, shell, ["sh", "-c", byName], { tty: true });
        assert.deepEqual([terminal.exitCode, terminal.stdout], [0, "out\r\nerr\r\nmore\r\n"]);
        await runtime.stopContainer({ containerId: container, timeout: 0n });
        await exited(berth, container);
        assert.deepEqual([...(await pod.log("main"))].sort(), [
          "stderr F err",
          "stdout F more",
          "stdout F out",
        ]);
        const { uid, gid } = await stat("/dev/null");
        assert.deepEqual([uid, gid], [0, 0]);
      });
    }
  }
});
