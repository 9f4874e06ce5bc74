/* What others need who look into 9P streams: the agent, which keeps sessions for the guest's kernel. */
export { entryNameOf, parseEntryName } from "./entry-name.ts"
export { ERRNO, errnoName } from "./errno.ts"
export { NINEP_LIMITS } from "./limits.ts"
export { MessageReader } from "./message-reader.ts"
export { MessageWriter } from "./message-writer.ts"
export * from "./messages.ts"
