#!/bin/sh
# @grpc/grpc-js 1.14.7: if a client cancels its call, a server's stream of requests ends with 'end', as if the client
# had sent everything; 'cancelled' follows only after that. A handler that relies on 'end' processes only a part of what
# the client meant to send. Which of the two comes first depends on how Node reads the connection.
# Seen: 'a client that cancels after one of many messages: end, then cancelled' (Node 20.20.2 and 26.10.0).
# Needs npm and Node >= 20.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @grpc/grpc-js@1.14.7
cat >check.mjs <<'JS'
import { EventEmitter, once } from "node:events";
import grpc from "@grpc/grpc-js";

const toBytes = (text) => Buffer.from(text);
const toText = (bytes) => bytes.toString();
const definition = {
  count: {
    path: "/test.Echo/Count",
    requestStream: true,
    responseStream: false,
    requestSerialize: toBytes,
    requestDeserialize: toText,
    responseSerialize: toBytes,
    responseDeserialize: toText,
  },
};
const order = [];
const happened = new EventEmitter();
const server = new grpc.Server();
server.addService(definition, {
  count: (call) => {
    call.on("data", () => happened.emit("received"));
    call.on("end", () => order.push("end"));
    call.on("cancelled", () => {
      order.push("cancelled");
      setTimeout(() => happened.emit("over"), 200);
    });
  },
});
const port = await new Promise((resolve, reject) => {
  const credentials = grpc.ServerCredentials.createInsecure();
  server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
});
const Client = grpc.makeGenericClientConstructor(definition, "test.Echo");
const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
const call = client.count(() => undefined);
const received = once(happened, "received");
const over = once(happened, "over");
call.write("the first of many");
await received;
call.cancel();
await over;
console.log(`a client that cancels after one of many messages: ${order.join(", then ")}`);
client.close();
server.forceShutdown();
JS
node check.mjs >seen
cat seen
echo "a client that cancels after one of many messages: end, then cancelled" >expected
diff expected seen
