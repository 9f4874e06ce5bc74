import { StoreError } from "../object-store.ts"

/** What the system said, as what it means for a store; what is a bug stays what it is. */
export function asStoreError(error: unknown, doing: string): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error
  const { code } = error as NodeJS.ErrnoException
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new StoreError("no-space", `${doing}: the disk is full`, { cause: error })
  }
  return new StoreError("io", `${doing}: ${error.message}`, { cause: error })
}
