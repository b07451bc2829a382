import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { DockerClient } from "./docker-client.ts";
import { parseDockerHost } from "./endpoint.ts";
import { agreeOnVersion } from "./version.ts";

test("the newest version of the API that both know is agreed on", () => {
  assert.equal(agreeOnVersion({ Version: "20.10.24", ApiVersion: "1.41", MinAPIVersion: "1.12" }), "1.41");
  assert.equal(agreeOnVersion({ Version: "28.0.0", ApiVersion: "1.48", MinAPIVersion: "1.24" }), "1.48");
  assert.equal(agreeOnVersion({ Version: "30.0.0", ApiVersion: "1.60", MinAPIVersion: "1.44" }), "1.56");
});

test("an engine that is too old or too new is refused, with what to do", () => {
  assert.throws(
    () => agreeOnVersion({ Version: "19.03.15", ApiVersion: "1.40", MinAPIVersion: "1.12" }),
    /19\.03\.15 has API 1\.40.*install Docker Engine 20\.10/,
  );
  assert.throws(
    () => agreeOnVersion({ Version: "40.0.0", ApiVersion: "1.80", MinAPIVersion: "1.60" }),
    /requires API 1\.60.*newer berth/,
  );
});

test("an engine's address is read as docker takes it, and refused with the forms that there are", () => {
  assert.deepEqual(parseDockerHost("unix:///run/docker.sock"), { kind: "unix", path: "/run/docker.sock" });
  assert.deepEqual(parseDockerHost("tcp://[::1]:2376"), { kind: "tcp", host: "::1", port: 2376 });
  for (const wrong of ["", "unix://relative", "tcp://host", "tcp://host:1/path", "http://host:1"])
    assert.throws(() => parseDockerHost(wrong), /must be unix:\/\/\/PATH or tcp:\/\/HOST:PORT/);
});

test("a container is asked for by its name alone, whatever that is", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "docker.sock");
  const server = createServer(({ url }, answer) => void answer.end(JSON.stringify({ Id: url })));
  server.listen(path);
  await once(server, "listening");
  using client = new DockerClient({ endpoint: { kind: "unix", path } });
  const { Id: url } = await client.container("../info?a b");
  server.close();
  assert.equal(url, "/containers/..%2Finfo%3Fa%20b/json");
});
