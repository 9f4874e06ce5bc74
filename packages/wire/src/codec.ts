import { ProtocolError } from "./protocol-error.ts"
import { Reader } from "./reader.ts"
import { Writer } from "./writer.ts"

/**
 * One value's shape on the wire, in both directions. Both ends refuse a value over its limit:
 * the decoder with a ProtocolError, the encoder with a RangeError (that one is our own bug).
 */
export interface Codec<T> {
  encode(writer: Writer, value: T): void
  decode(reader: Reader): T
}

export type Decoded<C> = C extends Codec<infer T> ? T : never

export function encode<T>(codec: Codec<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new Writer()
  codec.encode(writer, value)
  return writer.finish()
}

/** Decodes a whole message: bytes left over are an error. */
export function decode<T>(codec: Codec<T>, untrustedBytes: Uint8Array): T {
  const reader = new Reader(untrustedBytes)
  const value = codec.decode(reader)
  reader.end()
  return value
}

export const u8: Codec<number> = { encode: (w, v) => w.u8(v), decode: (r) => r.u8() }
export const u16: Codec<number> = { encode: (w, v) => w.u16(v), decode: (r) => r.u16() }
export const u32: Codec<number> = { encode: (w, v) => w.u32(v), decode: (r) => r.u32() }
export const u64: Codec<bigint> = { encode: (w, v) => w.u64(v), decode: (r) => r.u64() }

export const bool: Codec<boolean> = {
  encode: (w, v) => w.u8(v ? 1 : 0),
  decode(r) {
    const value = r.u8()
    if (value > 1) throw new ProtocolError("bad-value", `A boolean is 0 or 1, not ${value}`)
    return value === 1
  },
}

/** Values of `inner` that `isValid`: others are refused like those over a limit. `what` begins the message. */
export function checked<T>(inner: Codec<T>, isValid: (value: T) => boolean, what: string): Codec<T> {
  const problem = `${what} has a value that is not allowed`
  return {
    encode(w, v) {
      if (!isValid(v)) throw new RangeError(problem)
      inner.encode(w, v)
    },
    decode(r) {
      const value = inner.decode(r)
      if (!isValid(value)) throw new ProtocolError("bad-value", problem)
      return value
    },
  }
}

/** Nothing on the wire: for messages without fields. */
export const nothing: Codec<undefined> = { encode: () => {}, decode: () => undefined }

function checkCount(count: number, max: number, what: string): number {
  if (count > max) throw new ProtocolError("too-large", `${what} of ${count} is over the limit of ${max}`)
  return count
}

function ownCount(count: number, max: number, what: string): number {
  if (count > max) throw new RangeError(`${what} of ${count} is over the limit of ${max}`)
  return count
}

/** u32 length, then the bytes. Decoding gives a view into the frame: copy it to keep it. */
export function bytes(limit: { max: number }): Codec<Uint8Array> {
  return {
    encode(w, v) {
      w.u32(ownCount(v.length, limit.max, "A byte string"))
      w.bytes(v)
    },
    decode: (r) => r.bytes(checkCount(r.u32(), limit.max, "A byte string")),
  }
}

/** u32 length in bytes, then UTF-8. */
export function text(limit: { max: number }): Codec<string> {
  return {
    encode(w, v) {
      const encoded = Buffer.from(v, "utf8")
      w.u32(ownCount(encoded.length, limit.max, "A text"))
      w.bytes(encoded)
    },
    decode: (r) => r.text(checkCount(r.u32(), limit.max, "A text")),
  }
}

/** u32 count, then the items. */
export function listOf<T>(item: Codec<T>, limit: { max: number }): Codec<T[]> {
  return {
    encode(w, v) {
      w.u32(ownCount(v.length, limit.max, "A list"))
      for (const each of v) item.encode(w, each)
    },
    decode: (r) =>
      r.nested(() => {
        const count = checkCount(r.u32(), limit.max, "A list")
        const items: T[] = []
        for (let i = 0; i < count; i++) items.push(item.decode(r))
        return items
      }),
  }
}

/** A boolean, then the value where it is true. */
export function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    encode(w, v) {
      bool.encode(w, v !== undefined)
      if (v !== undefined) inner.encode(w, v)
    },
    decode: (r) => r.nested(() => (bool.decode(r) ? inner.decode(r) : undefined)),
  }
}

/** One byte that stands for one of a closed set of words. */
export function oneOf<const T extends string>(...words: readonly T[]): Codec<T> {
  return {
    encode: (w, v) => w.u8(words.indexOf(v)),
    decode(r) {
      const index = r.u8()
      const word = words[index]
      if (word === undefined) throw new ProtocolError("bad-value", `Value ${index} has no meaning here`)
      return word
    },
  }
}

type Shape = Record<string, Codec<unknown>>
type StructOf<S extends Shape> = { [K in keyof S]: Decoded<S[K]> }

// biome-ignore lint/suspicious/noExplicitAny: a codec is invariant in T, so no narrower bound admits every field
type AnyCodec = Codec<any>

/** The fields one after the other, in the order written here. */
export function struct<S extends Record<string, AnyCodec>>(shape: S): Codec<StructOf<S>> {
  const fields = Object.entries(shape) as [keyof S & string, Codec<unknown>][]
  return {
    encode(w, v) {
      for (const [name, codec] of fields) codec.encode(w, v[name])
    },
    decode: (r) =>
      r.nested(() => {
        const value: Record<string, unknown> = {}
        for (const [name, codec] of fields) value[name] = codec.decode(r)
        return value as StructOf<S>
      }),
  }
}

type UnionOf<S extends Record<string, AnyCodec>> = {
  [K in keyof S & string]: { kind: K } & (Decoded<S[K]> extends undefined ? unknown : Decoded<S[K]>)
}[keyof S & string]

/** One byte for the kind (its position here), then that kind's fields. Append kinds; never reorder. */
export function union<S extends Record<string, AnyCodec>>(shape: S): Codec<UnionOf<S>> {
  const kinds = Object.keys(shape)
  return {
    encode(w, v) {
      w.u8(kinds.indexOf(v.kind))
      shape[v.kind]?.encode(w, v)
    },
    decode: (r) =>
      r.nested(() => {
        const tag = r.u8()
        const kind = kinds[tag]
        const codec = kind === undefined ? undefined : shape[kind]
        if (codec === undefined) throw new ProtocolError("unknown-tag", `Kind ${tag} is unknown`)
        return { kind, ...codec.decode(r) } as UnionOf<S>
      }),
  }
}
