/*
 * A guest agent for the tests of process isolation, bundled into their image: a line of JSON in, a line out.
 * It shows the inside of a domain without the real agent.
 */
import { execFileSync, spawn } from "node:child_process"
import { closeSync, writeSync } from "node:fs"
import { Socket } from "node:net"
import { createInterface } from "node:readline"
import { openLinux } from "@skerry/linux"

export type AgentRequest =
  | { readonly kind: "hello" }
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "exit"; readonly code: number }
  /** Runs a program and answers with its output and status. */
  | { readonly kind: "run"; readonly argv: readonly string[] }
  /** Leaves a program running. */
  | { readonly kind: "leave"; readonly argv: readonly string[] }
  /** Writes to the descriptor that is on its way. */
  | { readonly kind: "descriptor"; readonly text: string }

const linux = openLinux("/usr/lib/skerry/koffi.node")
/** The socket for descriptors follows it. */
const CONTROL = Number(process.env.SKERRY_CONTROL_FD)
const channel = new Socket({ fd: CONTROL, readable: true, writable: true })
channel.on("end", () => process.exit(0))
channel.on("error", () => process.exit(1))

function answer(request: AgentRequest): unknown {
  switch (request.kind) {
    case "hello":
      return "hello"
    case "print":
      process.stdout.write(request.text)
      return "printed"
    case "exit":
      return process.exit(request.code)
    case "run":
      return run(request.argv)
    case "leave":
      spawn(request.argv[0] ?? "", request.argv.slice(1), { stdio: "ignore", detached: true }).unref()
      return "left"
    case "descriptor": {
      const received = linux.receiveDescriptors(CONTROL + 1, 4)
      for (const fd of received?.descriptors ?? []) {
        writeSync(fd, request.text)
        closeSync(fd)
      }
      return received?.descriptors.length ?? 0
    }
  }
}

function run(argv: readonly string[]): { readonly output: string; readonly status: string } {
  try {
    const output = execFileSync(argv[0] ?? "", argv.slice(1), {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    })
    return { output, status: "0" }
  } catch (error) {
    const { stdout, stderr, status, signal } = error as Record<
      "stdout" | "stderr" | "status" | "signal",
      unknown
    >
    return { output: `${stdout}${stderr}`, status: String(signal ?? status) }
  }
}

for await (const line of createInterface({ input: channel })) {
  channel.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`)
}
