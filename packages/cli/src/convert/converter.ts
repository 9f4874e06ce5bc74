import type { Instance, System } from "@skerry/model"

/** What renders pages: an application that has it is one to convert with. */
const RENDERER = "poppler-utils"

/**
 * Pure: where documents are converted if nothing else is said: in a disposable of the configuration's default, or
 * where that cannot render, of the first instance that can.
 */
export function converterOf({ instances, applications, settings }: System): string {
  const canRender = ([, { application }]: [string, Instance]) =>
    applications[application]?.source.packages.includes(RENDERER) === true
  const able = Object.entries<Instance>(instances)
    .filter(canRender)
    .map(([name]) => name)
  const [first] = able
  const byDefault = settings.defaultDisposable
  return first === undefined || (byDefault !== null && able.includes(byDefault))
    ? "@dispvm"
    : `@dispvm:${first}`
}
