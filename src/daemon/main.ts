#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// Loading the libraries takes most of a start; compiled once, they load in half of the time.
enableCompileCache();
const { run } = await import("./run.ts");
await run(process.argv.slice(2));
