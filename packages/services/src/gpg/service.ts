import { ProtocolError } from "@skerry/wire"
import type { Program } from "../program.ts"
import type { Ask } from "../question.ts"
import { approve } from "./approve.ts"
import { gpgArguments } from "./arguments.ts"
import { answerWriter } from "./frames.ts"
import { GpgError } from "./gpg-error.ts"
import { readRequest } from "./read-request.ts"
import { VaultGpg } from "./vault-gpg.ts"

/** The service skerry.Gpg: reads a request whole, asks where a secret key would be used, and runs the vault's gpg. */
export function gpgService(askOf: (io: Parameters<Program>[0]) => Ask): Program {
  return async (io) => {
    const answer = answerWriter(io.stdout)
    const exit = async (status: number) => {
      await answer.write("exit", Uint8Array.of(status))
      return status
    }
    try {
      const { request, ...input } = await readRequest(io.stdin)
      const gpg = new VaultGpg(io.environment)
      const { signers } = await approve(request, input.data, gpg, askOf(io))
      return await exit(await gpg.relay(gpgArguments(request, signers), input, answer))
    } catch (error) {
      if (!(error instanceof GpgError) && !(error instanceof ProtocolError)) throw error
      await answer.write("stderr", Buffer.from(`skerry-gpg: ${error.message}\n`))
      if (error.code === "refused") await answer.write("status", Buffer.from(CANCELLED))
      return exit(2)
    }
  }
}

/** As gpg says that its user called it off (libgpg-error: 99, GPG_ERR_CANCELED). */
const CANCELLED = "[GNUPG:] ERROR skerry 99\n"
