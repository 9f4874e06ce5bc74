export { askHost } from "./confirm/ask-host.ts"
export {
  CONFIRM_LIMITS,
  CONFIRM_SERVICE,
  CONFIRM_STATUS,
  type ConfirmRequest,
  encodeConfirmRequest,
  parseConfirmRequest,
} from "./confirm/confirm-request.ts"
export { ConvertError, type ConvertErrorCode } from "./convert/convert-error.ts"
export { type ConvertFileOptions, convertFile, parseDpi, trustedName } from "./convert/convert-file.ts"
export type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"
export { COMMANDS, SERVICES } from "./programs.ts"
export type { KeeperQuestion } from "./question.ts"
