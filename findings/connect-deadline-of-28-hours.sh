#!/bin/sh
# In gRPC's protocol (PROTOCOL-HTTP2.md, Timeout), a deadline has at most eight digits and a unit.
# @connectrpc/connect-node 2.3.0 always writes milliseconds, with as many digits as needed: from 100000000 ms (27 hours
# and 47 minutes) on, the header violates the protocol. grpc-go 1.85.0 rejects the call with HTTP status 400, and the
# client's error says only "HTTP 400". connect-node's own server rejects it, too; that of @grpc/grpc-js 1.14.7 does not.
# So a client that works with a deadline of 27 hours, or with a grpc-js server, fails with 28 hours against a grpc-go
# server, and its error does not mention the deadline.
# Seen with Node 26.10.0, as below.
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
		return stream.SendMsg(&emptypb.Empty{})
	}
	panic(grpc.NewServer(grpc.UnknownServiceHandler(answer)).Serve(listener))
}
GO
(cd server && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get google.golang.org/grpc@v1.85.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/grpc-go" .)
cat >check.mjs <<'JS'
import { once } from "node:events";
import http2 from "node:http2";
import { create, createFileRegistry } from "@bufbuild/protobuf";
import { file_google_protobuf_empty, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";

// A service of one method, whose messages are empty.
const Empty = ".google.protobuf.Empty";
const file = create(FileDescriptorProtoSchema, {
  name: "finding.proto",
  package: "finding",
  syntax: "proto3",
  dependency: ["google/protobuf/empty.proto"],
  service: [{ name: "Events", method: [{ name: "Follow", inputType: Empty, outputType: Empty }] }],
});
const service = createFileRegistry(file, () => file_google_protobuf_empty).getService("finding.Events");
const empty = () => Buffer.alloc(0);
const codec = { requestSerialize: empty, responseSerialize: empty, requestDeserialize: Object, responseDeserialize: Object };
const definition = { follow: { path: "/finding.Events/Follow", requestStream: false, responseStream: false, ...codec } };

const grpcServer = new grpc.Server();
grpcServer.addService(definition, { follow: (call, answer) => answer(null, {}) });
const grpcPort = await new Promise((resolve) => {
  grpcServer.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => resolve(port));
});
const routes = (router) => router.service(service, { follow: () => ({}) });
const connectServer = http2.createServer(connectNodeAdapter({ routes })).listen(0, "127.0.0.1");
await once(connectServer, "listening");

for (const [name, port] of Object.entries({ "grpc-go": process.argv[2], "connect-node": connectServer.address().port, "grpc-js": grpcPort })) {
  const client = createClient(service, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  for (const hours of [27, 28]) {
    const outcome = await client.follow({}, { timeoutMs: hours * 3600 * 1000 }).then(() => "answered", ({ message }) => message);
    console.log(`${name}, ${hours} hours: ${outcome}`);
  }
}
process.exit();
JS
./grpc-go >port & server=$!
until [ -s port ]; do sleep 0.1; done
node_modules/.bin/node --no-warnings check.mjs "$(cat port)" >seen
cat seen
cat >expected <<'TEXT'
grpc-go, 27 hours: answered
grpc-go, 28 hours: [internal] HTTP 400
connect-node, 27 hours: answered
connect-node, 28 hours: [invalid_argument] protocol error: invalid grpc timeout value: 100800000m
grpc-js, 27 hours: answered
grpc-js, 28 hours: answered
TEXT
diff expected seen
