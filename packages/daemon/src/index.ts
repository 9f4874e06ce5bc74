export type { BackendOpener } from "./backends.ts"
export { type Daemon, type DaemonOptions, type HostCalls, openDaemon } from "./daemon.ts"
export { DaemonError, HomeError } from "./errors.ts"
export type { Current, GenerationSource } from "./generations.ts"
