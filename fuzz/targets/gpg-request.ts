import assert from "node:assert/strict"
import { PassThrough, Readable } from "node:stream"
import {
  describeData,
  encodeConfirmRequest,
  fitQuestion,
  GpgError,
  GpgRequest,
  gpgArguments,
  readGpgRequest,
  requestWriter,
} from "@skerry/services"
import { encode, ProtocolError } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const ID = "0123456789abcdef0123456789abcdef01234567"
const PERSON = "Ada <ada@example.org> 1700000000 +0100"
const COMMIT = `tree ${ID}\nparent ${ID}\nauthor ${PERSON}\ncommitter ${PERSON}\nencoding x\n\nSay hello ✓\n`

const streams: readonly [Uint8Array, ...Uint8Array[]] = [
  await stream({ operation: "detach-sign", localUsers: ["Ada <ada@example.org>"] }, Buffer.from(COMMIT)),
  await stream(
    { operation: "encrypt", recipients: ["a", "--output=x"], hiddenRecipients: ["b"] },
    Uint8Array.of(0, 255),
  ),
  await stream(
    { operation: "verify", isDetached: true, keyIdFormat: "long" },
    Buffer.from("x"),
    Buffer.from("y"),
  ),
  await stream({ operation: "export", keys: ["--export-secret-keys", "-"] }, Buffer.alloc(0)),
]

async function stream(
  over: Partial<GpgRequest>,
  data: Uint8Array,
  signature?: Uint8Array,
): Promise<Uint8Array> {
  const flags = {
    armor: true,
    textMode: false,
    quiet: false,
    verbose: false,
    withColons: true,
    withFingerprint: false,
  }
  const more = { withKeygrip: false, withSecret: false, alwaysTrust: false, status: true, isDetached: false }
  const lists = { localUsers: [], recipients: [], hiddenRecipients: [], keys: [] }
  const words = {
    operation: "sign",
    keyIdFormat: "default",
    digest: "default",
    claimedFileName: "a.txt",
  } as const
  const output = new PassThrough()
  const writer = requestWriter(output)
  await writer.write("request", encode(GpgRequest, { ...flags, ...more, ...lists, ...words, ...over }))
  await writer.write("data", data)
  if (signature !== undefined) await writer.write("signature", signature)
  await writer.write("end")
  return Uint8Array.from(output.read() as Uint8Array)
}

/** Options of gpg's that may stand before "--" and whatever is behind their "=". */
const OPTION =
  /^--(?:batch|no-tty|disable-dirmngr|no-auto-key-retrieve|display-charset=utf-8|status-fd=3|quiet|verbose|armor|textmode|trust-model=always|with-(?:colons|fingerprint|keygrip|secret)|keyid-format=\w+|digest-algo=\w+|local-user=[0-9A-F]{40}|(?:hidden-)?recipient=.+|sign|detach-sign|clear-sign|encrypt|max-output=\d+|decrypt|enable-special-filenames|verify|list-keys|list-secret-keys|export|show-keys|import|version)$/su

/** Only ProtocolError and GpgError come out; of what is accepted no word becomes an option, and all can be asked about. */
export const gpgRequest: FuzzTarget = {
  name: "gpg-request",
  generate: (prng: Prng) => (prng.chance(8) ? prng.bytes(prng.below(64)) : mutate(prng, prng.pick(streams))),
  async check(untrustedInput) {
    let read: Awaited<ReturnType<typeof readGpgRequest>>
    try {
      read = await readGpgRequest(Readable.from([Buffer.from(untrustedInput)]))
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof GpgError) return
      throw error
    }
    const words = gpgArguments(read.request, ["A".repeat(40)])
    const end = words.indexOf("--")
    for (const word of end === -1 ? words : words.slice(0, end)) assert.match(word, OPTION)
    const details = describeData(read.data, read.request.claimedFileName)
    assert.match(details.at(-1)?.text ?? "", /^[0-9a-f]{64}$/)
    encodeConfirmRequest({
      callId: "",
      ...fitQuestion({ operation: "sign", title: "", details, rememberable: false }),
    })
  },
}
