import type { ConfigErrorCode, SourcePosition } from "../config-error.ts"

export interface SourceFile {
  readonly path: string
  /** `sha256:…` of the bytes that were evaluated. */
  readonly digest: string
}

/** What the evaluating process writes, as one JSON text, on its result pipe. */
export type Outcome =
  | { readonly kind: "value"; readonly value: unknown; readonly files: readonly SourceFile[] }
  | {
      readonly kind: "failed"
      readonly code: ConfigErrorCode
      readonly position: SourcePosition
      readonly what: string
    }

/** The descriptor of the result pipe in the evaluating process. */
export const RESULT_DESCRIPTOR = 3
