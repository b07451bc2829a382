#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { cacheDirectoryOf, keepCompiledCode } from "../ground/compilecache/index.ts";
import { threadPoolSize } from "../ground/threads/index.ts";

// Read when the pool is first used.
process.env.UV_THREADPOOL_SIZE ??= `${threadPoolSize}`;

// bin/berthd set it only for this process.
delete process.env.MALLOC_ARENA_MAX;

// bin/berthd's setting is for the main thread. In other threads, stream buffers are short-lived, and with a
// large young generation they would be collected late.
setFlagsFromString("--max-semi-space-size=1");

// Loading libraries takes most of a start: from here on, imports use the compile cache.
keepCompiledCode(cacheDirectoryOf(process.env));
import("./run.ts").then(({ run }) => run(process.argv.slice(2)));
