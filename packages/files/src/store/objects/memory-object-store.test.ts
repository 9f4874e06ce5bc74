import { objectStoreConformance } from "../testing/object-store-conformance.ts"
import { MemoryStoreContents, memoryObjectStore } from "./memory-object-store.ts"

objectStoreConformance("memory", () => {
  const contents = new MemoryStoreContents()
  return {
    open: (limitBytes = Number.MAX_SAFE_INTEGER) => memoryObjectStore({ contents, limitBytes }),
    [Symbol.dispose]: () => {},
  }
})
