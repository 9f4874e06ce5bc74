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
export { decodeCommand, ExecArgumentError, encodeCommand } from "./exec/argument.ts"
export { copyArgument } from "./filecopy/arguments.ts"
export { bridgeToReceiver } from "./filecopy/bridge.ts"
export { encodeReadList } from "./filecopy/file-read.ts"
export { FilecopyError } from "./filecopy/qfile.ts"
export { DEFAULT_QUOTA, type Quota } from "./filecopy/quota.ts"
export { receiveFiles } from "./filecopy/receive.ts"
export { sendFiles } from "./filecopy/send.ts"
export { measure as measureFiles } from "./filecopy/walk.ts"
export { dateLine } from "./get-date/get-date.ts"
export { type Copied, digestOf, exchange } from "./open-in-vm/exchange.ts"
export type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"
export { COMMANDS, SERVICES } from "./programs.ts"
export type { KeeperQuestion } from "./question.ts"
