#!/bin/sh
# gRPC's protocol (PROTOCOL-HTTP2.md, Timeout) allows deadlines of up to 99999999 hours. Node's timers have 32 bits of
# milliseconds, 24.8 days; longer and negative ones fire at once. The servers of @grpc/grpc-js 1.14.7 and
# @connectrpc/connect-node 2.3.0 pass the client's deadline to such a timer, so that a call with 25 days fails at once
# with DEADLINE_EXCEEDED, before its handler has done anything. grpc-js first truncates the milliseconds to 32 bits:
# with 30 days the call fails at once, with 60 it has ten, with 49 days and 17 hours less than a second. grpc-go's
# server and grpc-js's own client support such deadlines.
# Kubernetes uses them: a kubelet's deadline for StopContainer is the pod's terminationGracePeriodSeconds, which has no
# limit, plus two minutes. So with such a server, a pod with a grace period of a month cannot be stopped.
# Seen with Node 26.10.0, as below; grpc-go 1.85.0.
# Needs npm's registry, Go's module proxy and Go 1.26 or newer.
set -eu
work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 @connectrpc/connect@2.3.0 @connectrpc/connect-node@2.3.0 @bufbuild/protobuf@2.17.0 @grpc/grpc-js@1.14.7
mkdir server
cat >server/main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	answer := func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		select {
		case <-time.After(1500 * time.Millisecond):
			return stream.SendMsg(&emptypb.Empty{})
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
	panic(grpc.NewServer(grpc.UnknownServiceHandler(answer)).Serve(listener))
}
GO
(cd server && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get google.golang.org/grpc@v1.85.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/grpc-go" .)
cat >check.mjs <<'JS'
import { once } from "node:events";
import http2 from "node:http2";
import { setTimeout } from "node:timers/promises";
import { create, createFileRegistry } from "@bufbuild/protobuf";
import { file_google_protobuf_empty, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";

// A service of one method, whose messages are empty; every server answers after a second and a half.
const Empty = ".google.protobuf.Empty";
const file = create(FileDescriptorProtoSchema, {
  name: "finding.proto",
  package: "finding",
  syntax: "proto3",
  dependency: ["google/protobuf/empty.proto"],
  service: [{ name: "Pods", method: [{ name: "Stop", inputType: Empty, outputType: Empty }] }],
});
const service = createFileRegistry(file, () => file_google_protobuf_empty).getService("finding.Pods");
const empty = () => Buffer.alloc(0);
const codec = { requestSerialize: empty, responseSerialize: empty, requestDeserialize: Object, responseDeserialize: Object };
const definition = { stop: { path: "/finding.Pods/Stop", requestStream: false, responseStream: false, ...codec } };

const grpcServer = new grpc.Server();
grpcServer.addService(definition, {
  async stop(call, answer) {
    await setTimeout(1500);
    answer(null, {});
  },
});
const grpcPort = await new Promise((resolve) => {
  grpcServer.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => resolve(port));
});
const routes = (router) =>
  router.service(service, {
    async stop(request, { signal }) {
      await setTimeout(1500, undefined, { signal }).catch(() => signal.throwIfAborted());
      return {};
    },
  });
const connectServer = http2.createServer(connectNodeAdapter({ routes })).listen(0, "127.0.0.1");
await once(connectServer, "listening");

const secondsOfDay = 24 * 60 * 60;
// After 32 bits of milliseconds, 0.704 s are left of the third.
const deadlines = { "24 days": 24 * secondsOfDay, "30 days": 30 * secondsOfDay, "49 days and 17 hours": 4294968 };

for (const [name, port] of Object.entries({ "grpc-js": grpcPort, "connect-node": connectServer.address().port, "grpc-go": process.argv[2] })) {
  const client = new (grpc.makeGenericClientConstructor(definition, "Pods"))(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  for (const [words, seconds] of Object.entries(deadlines)) {
    const outcome = await new Promise((resolve) => {
      // By the header alone, so that what ends the call is the server.
      const metadata = new grpc.Metadata();
      metadata.set("grpc-timeout", `${seconds}S`);
      client.stop({}, metadata, (error) => resolve(error === null ? "answered" : grpc.status[error.code]));
    });
    console.log(`server of ${name}, ${words}: ${outcome}`);
  }
  client.close();
}
process.exit();
JS
./grpc-go >port & server=$!
until [ -s port ]; do sleep 0.1; done
node_modules/.bin/node --no-warnings check.mjs "$(cat port)" >seen
cat seen
cat >expected <<'TEXT'
server of grpc-js, 24 days: answered
server of grpc-js, 30 days: DEADLINE_EXCEEDED
server of grpc-js, 49 days and 17 hours: DEADLINE_EXCEEDED
server of connect-node, 24 days: answered
server of connect-node, 30 days: DEADLINE_EXCEEDED
server of connect-node, 49 days and 17 hours: DEADLINE_EXCEEDED
server of grpc-go, 24 days: answered
server of grpc-go, 30 days: answered
server of grpc-go, 49 days and 17 hours: answered
TEXT
diff expected seen
