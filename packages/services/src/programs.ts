import type { Program } from "./program.ts"

/**
 * Programs of a domain by the name that they are called by: services under /etc/qubes-rpc, commands under /usr/bin.
 * To add one: its file, and one line here. Each is loaded only when it is called.
 */
export const SERVICES: Readonly<Record<string, () => Promise<Program>>> = {}
export const COMMANDS: Readonly<Record<string, () => Promise<Program>>> = {}
