#!/usr/bin/env node
/**
 * The command line `berth`: a client of the Container Runtime Interface for people, for berthd or any other
 * CRI endpoint. It uses gRPC like any client and knows berthd only by its protocol.
 *
 * This file runs with any version of Node, to say which one is needed; everything else is loaded after that.
 */
const neededNode = 24;

const runningNode = Number(process.versions.node.split(".")[0]);
if (runningNode < neededNode) {
  process.stderr.write(
    `berth: Node.js ${neededNode} or later is required, but this is ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else {
  import("./start.ts").then(({ start }) => start());
}

export {};
