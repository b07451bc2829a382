#!/bin/sh
# @grpc/grpc-js 1.14.7: if a deserializer returns a value that is false in JavaScript, such as the empty string of a
# service whose messages are strings, the server takes the request for missing. The call fails with UNIMPLEMENTED, and
# its message is about server streaming even for a unary method; the same message within a client's stream arrives.
# Deserializers must wrap such values in objects.
# Seen: 'unary, empty text: 12 Received no request message for server streaming method /test.Echo/Unary'.
# Needs npm and Node >= 20.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @grpc/grpc-js@1.14.7
cat >check.mjs <<'JS'
import grpc from "@grpc/grpc-js";

const toBytes = (text) => Buffer.from(text);
const toText = (bytes) => bytes.toString();
const codec = {
  requestSerialize: toBytes,
  requestDeserialize: toText,
  responseSerialize: toBytes,
  responseDeserialize: toText,
};
const definition = {
  unary: { path: "/test.Echo/Unary", requestStream: false, responseStream: false, ...codec },
  count: { path: "/test.Echo/Count", requestStream: true, responseStream: false, ...codec },
};
const server = new grpc.Server();
server.addService(definition, {
  unary: ({ request }, answer) => answer(null, `<${request}>`),
  count: (call, answer) => {
    let messages = 0;
    call.on("data", () => messages++);
    call.on("end", () => answer(null, String(messages)));
  },
});
const port = await new Promise((resolve, reject) => {
  const credentials = grpc.ServerCredentials.createInsecure();
  server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
});
const Client = grpc.makeGenericClientConstructor(definition, "test.Echo");
const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
const settle = (resolve) => (error, value) => resolve(error ? `${error.code} ${error.details}` : value);
const unary = (text) => new Promise((resolve) => client.unary(text, settle(resolve)));
const count = (texts) =>
  new Promise((resolve) => {
    const call = client.count(settle(resolve));
    for (const text of texts) call.write(text);
    call.end();
  });
console.log(`unary, some text: ${await unary("a")}`);
console.log(`unary, empty text: ${await unary("")}`);
console.log(`client stream of three, one of them empty: ${await count(["a", "", "b"])}`);
client.close();
server.forceShutdown();
JS
node check.mjs >seen
cat seen
cat >expected <<'TEXT'
unary, some text: <a>
unary, empty text: 12 Received no request message for server streaming method /test.Echo/Unary
client stream of three, one of them empty: 3
TEXT
diff expected seen
