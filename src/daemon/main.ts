#!/usr/bin/env node
import { threadPoolSize } from "../ground/threads/index.ts";
import { keepCompiledCode } from "./compile-cache.ts";

// Read when the pool is first used.
process.env.UV_THREADPOOL_SIZE ??= `${threadPoolSize}`;

// Loading the libraries takes most of a start: what is imported from here on is found compiled.
keepCompiledCode(process.env);
const { run } = await import("./run.ts");
await run(process.argv.slice(2));
