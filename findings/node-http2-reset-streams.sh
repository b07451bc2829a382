#!/bin/sh
# Node 26.10.0 (nghttp2 1.70.0) with @grpc/grpc-js 1.14.7: if a client cancels more than about a thousand calls within
# half a minute, the server closes the connection with GOAWAY INTERNAL_ERROR, which also ends the client's other calls.
# containerd's Go client does this when it reads a blob: each part of 32 KiB is a call that it cancels once it has the
# bytes. Node's options streamResetBurst and streamResetRate raise the limit; grpc-js 1.14.7 has no option that sets
# them.
# Seen: 'the other call: 13 Received RST_STREAM with code 2 ...', and 'open' with the limit raised.
# Needs npm.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 @grpc/grpc-js@1.14.7
cat >check.mjs <<'JS'
import grpc from "@grpc/grpc-js";

const codec = {
  requestSerialize: (text) => Buffer.from(text),
  requestDeserialize: (bytes) => ({ text: bytes.toString() }),
  responseSerialize: (text) => Buffer.from(text),
  responseDeserialize: (bytes) => bytes.toString(),
};
const definition = {
  read: { path: "/test.Blobs/Read", requestStream: false, responseStream: true, ...codec },
};

/** Leaves 1,500 calls after their first message; says what has become of one that was there before. */
async function otherCall(lifted) {
  const server = new grpc.Server();
  // No option of grpc-js: what it hands to http2.createServer.
  if (lifted) Object.assign(server.commonServerOptions, { streamResetBurst: 1e9, streamResetRate: 1e9 });
  server.addService(definition, { read: (call) => call.write("first piece") });
  const port = await new Promise((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const Client = grpc.makeGenericClientConstructor(definition, "test.Blobs");
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  let state = "open";
  const first = (call) => new Promise((resolve) => call.on("data", resolve).on("error", resolve));
  const other = client.read("other").on("error", ({ code, details }) => {
    state = `${code} ${details.split(" triggered")[0]}`;
  });
  await first(other);
  for (let round = 0; round < 15 && state === "open"; round++) {
    const calls = Array.from({ length: 100 }, () => client.read("part"));
    await Promise.all(calls.map(first));
    for (const call of calls) call.cancel();
  }
  // What the server has made of the last ones arrives before the answer to another.
  const last = client.read("last");
  await first(last);
  const said = state;
  client.close();
  server.forceShutdown();
  return said;
}

console.log(`the other call: ${await otherCall(false)}`);
console.log(`the other call, with the limit lifted: ${await otherCall(true)}`);
JS
node_modules/.bin/node check.mjs >seen
cat seen
cat >expected <<'TEXT'
the other call: 13 Received RST_STREAM with code 2
the other call, with the limit lifted: open
TEXT
diff expected seen
