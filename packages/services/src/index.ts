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
export { CONVERT_LIMITS } from "./convert/limits.ts"
export { PageReader } from "./convert/page-reader.ts"
export { decodeCommand, ExecArgumentError, encodeCommand } from "./exec/argument.ts"
export { copyArgument } from "./filecopy/arguments.ts"
export { bridgeToReceiver } from "./filecopy/bridge.ts"
export { encodeReadList } from "./filecopy/file-read.ts"
export { cannotLink } from "./filecopy/put-in-place.ts"
export { FilecopyError } from "./filecopy/qfile.ts"
export { DEFAULT_QUOTA, type Quota } from "./filecopy/quota.ts"
export { receiveFiles } from "./filecopy/receive.ts"
export { sendFiles } from "./filecopy/send.ts"
export { measure as measureFiles } from "./filecopy/walk.ts"
export { dateLine } from "./get-date/get-date.ts"
export { gpgArguments } from "./gpg/arguments.ts"
export { describeData } from "./gpg/description.ts"
export { requestWriter } from "./gpg/frames.ts"
export { GpgError } from "./gpg/gpg-error.ts"
export { readRequest as readGpgRequest } from "./gpg/read-request.ts"
export { GpgRequest } from "./gpg/request.ts"
export { type Copied, digestOf, exchange } from "./open-in-vm/exchange.ts"
export type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"
export { COMMANDS, SERVICES } from "./programs.ts"
export { fitQuestion, type KeeperQuestion } from "./question.ts"
export { parseRequest as parseSshRequest } from "./ssh-agent/messages.ts"
export { parseSignedData } from "./ssh-agent/signed-data.ts"
export { sshQuestion } from "./ssh-agent/ssh-question.ts"
export { SshError } from "./ssh-agent/ssh-reader.ts"
