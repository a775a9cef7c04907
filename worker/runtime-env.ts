/**
 * What a worker process must be started with: JavaScriptCore sizes its heap by the machine's memory and
 * collects too lazily for the bound on the worker's memory (row W4), so it is told of a small machine.
 * It can only be set from outside, before the process starts: in the image and by `bun start`.
 */
export const WORKER_RUNTIME_ENV = { BUN_JSC_forceRAMSize: String(128 * 1024 * 1024) } as const;
