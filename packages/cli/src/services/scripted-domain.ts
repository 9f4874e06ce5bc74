import { duplexPair, PassThrough } from "node:stream"
import { ADMIN, Connection, handler } from "@skerry/rpc"
import type { Program } from "@skerry/services"
import { CapturedOutput } from "../testing.ts"

/** For tests: a daemon whose domains run these programs, by target and service, as the host's calls find them. */
export function connectToDomains(
  domains: Readonly<
    Record<string, Readonly<Record<string, { readonly program: Program; readonly home: string }>>>
  >,
): Connection {
  const [near, far] = duplexPair()
  new Connection(far, {
    serve: [
      handler(ADMIN.call, async ({ target, service, argument }, context) => {
        const found = domains[target]?.[service]
        if (found === undefined) return { exitCode: 127 }
        const { stdin, stdout, stderr } = context
        try {
          const exitCode = await found.program({
            argv: [],
            environment: {
              PATH: process.env.PATH ?? "",
              HOME: found.home,
              QREXEC_REMOTE_DOMAIN: "@adminvm",
              QREXEC_SERVICE_ARGUMENT: argument,
            },
            cwd: found.home,
            stdin,
            stdout,
            stderr,
            openCall: () => Promise.reject(new Error("This test lets nobody call")),
          })
          return { exitCode }
        } catch (error) {
          stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
          return { exitCode: 1 }
        }
      }),
    ],
  })
  return new Connection(near)
}

/** A terminal on which this is typed once something is asked there, and `early` before that. */
export function terminalWith(typed: string, early = "") {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  stdin.write(early)
  const stderr = new CapturedOutput()
  const write = stderr.write.bind(stderr)
  stderr.write = (chunk: unknown, ...more: unknown[]): boolean => {
    if (String(chunk).includes("Bring it back?") && !stdin.writableEnded) stdin.end(typed)
    return Reflect.apply(write, stderr, [chunk, ...more])
  }
  return { stdin, stderr, signal: new AbortController().signal }
}
