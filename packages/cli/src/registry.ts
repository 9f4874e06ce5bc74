import type { Command } from "./command.ts"

export interface RegistryEntry {
  readonly name: string
  /** Shown in no list and completed by no shell: for the program's own use. */
  readonly hidden?: true
  /** Only the command that runs is loaded: starting `skerry version` costs little more than starting Node. */
  readonly load: () => Promise<{ readonly command: Command }>
}

/** Every command, in the order of `skerry help`. To add one: its file in commands/ and its line here. */
export const REGISTRY: readonly RegistryEntry[] = [
  { name: "init", load: () => import("./commands/init.ts") },
  { name: "doctor", load: () => import("./commands/doctor.ts") },
  { name: "config", load: () => import("./commands/config.ts") },
  { name: "policy", load: () => import("./commands/policy.ts") },
  { name: "build", load: () => import("./commands/build.ts") },
  { name: "images", load: () => import("./commands/images.ts") },
  { name: "generations", load: () => import("./commands/generations.ts") },
  { name: "rollback", load: () => import("./commands/rollback.ts") },
  { name: "gc", load: () => import("./commands/gc.ts") },
  { name: "run", load: () => import("./commands/run.ts") },
  { name: "exec", load: () => import("./commands/exec.ts") },
  { name: "call", load: () => import("./commands/call.ts") },
  { name: "convert", load: () => import("./commands/convert.ts") },
  { name: "cp", load: () => import("./commands/cp.ts") },
  { name: "open", load: () => import("./commands/open.ts") },
  { name: "clipboard", load: () => import("./commands/clipboard.ts") },
  { name: "prompt", load: () => import("./commands/prompt.ts") },
  { name: "grant", load: () => import("./commands/grant.ts") },
  { name: "revoke", load: () => import("./commands/revoke.ts") },
  { name: "grants", load: () => import("./commands/grants.ts") },
  { name: "audit", load: () => import("./commands/audit.ts") },
  { name: "ps", load: () => import("./commands/ps.ts") },
  { name: "logs", load: () => import("./commands/logs.ts") },
  { name: "stop", load: () => import("./commands/stop.ts") },
  { name: "pause", load: () => import("./commands/pause.ts") },
  { name: "resume", load: () => import("./commands/resume.ts") },
  { name: "state", load: () => import("./commands/state.ts") },
  { name: "import", load: () => import("./commands/import.ts") },
  { name: "export", load: () => import("./commands/export.ts") },
  { name: "audit-config", load: () => import("./commands/audit-config.ts") },
  { name: "backup", load: () => import("./commands/backup.ts") },
  { name: "restore", load: () => import("./commands/restore.ts") },
  { name: "bench", load: () => import("./commands/bench.ts") },
  { name: "daemon", load: () => import("./commands/daemon.ts") },
  { name: "completion", load: () => import("./commands/completion.ts") },
  { name: "help", load: () => import("./commands/help.ts") },
  { name: "version", load: () => import("./commands/version.ts") },
  { name: "complete-words", hidden: true, load: () => import("./commands/complete-words.ts") },
]
