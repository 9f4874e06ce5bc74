export { askHost } from "./confirm/ask-host.ts"
export {
  CONFIRM_LIMITS,
  CONFIRM_SERVICE,
  CONFIRM_STATUS,
  type ConfirmRequest,
  encodeConfirmRequest,
  parseConfirmRequest,
} from "./confirm/confirm-request.ts"
export type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"
export { COMMANDS, SERVICES } from "./programs.ts"
export type { KeeperQuestion } from "./question.ts"
