/** What a long step reports; whoever shows it (a terminal, a log, the network) decides how. */
export type ProgressEvent =
  /** `step` names it in the following events; steps may overlap. `total` is absent while unknown. */
  | {
      readonly kind: "begin"
      readonly step: string
      readonly label: string
      readonly total?: number
      readonly unit: "bytes" | "items"
    }
  /** `done` counts from the beginning of the step; a `total` replaces the one known before. */
  | { readonly kind: "advance"; readonly step: string; readonly done: number; readonly total?: number }
  /** `note` says in a few words what came of it, such as "already up to date". */
  | { readonly kind: "end"; readonly step: string; readonly note?: string }

/** Never throws and never waits: work does not slow down for being watched. */
export type OnProgress = (event: ProgressEvent) => void
