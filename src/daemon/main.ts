#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { cacheDirectoryOf, keepCompiledCode } from "../ground/compilecache/index.ts";
import { threadPoolSize } from "../ground/threads/index.ts";

// Read when the pool is first used.
process.env.UV_THREADPOOL_SIZE ??= `${threadPoolSize}`;

// bin/berthd set it for this process alone.
delete process.env.MALLOC_ARENA_MAX;

// What bin/berthd sets is for the main thread. In other threads buffers of streams die young, and would wait
// in memory for the collection that a large room brings late.
setFlagsFromString("--max-semi-space-size=1");

// Loading the libraries takes most of a start: what is imported from here on is found compiled.
keepCompiledCode(cacheDirectoryOf(process.env));
import("./run.ts").then(({ run }) => run(process.argv.slice(2)));
