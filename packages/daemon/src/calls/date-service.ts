import { dateLine } from "@skerry/services"
import type { HostService } from "./host-services.ts"

/** `qubes.GetDate` of the host: what time it is. */
export function dateService(now: () => number): HostService {
  return ({ stdout }) => {
    stdout.end(dateLine(now()))
    return Promise.resolve(0)
  }
}
