import type { service } from "@skerry/rpc"
import type { Decoded } from "@skerry/wire"

export type ServiceParams = Decoded<typeof service.params>

/** `service`, with "+argument" where there is one. */
export const fullName = ({ service, argument }: Pick<ServiceParams, "service" | "argument">): string =>
  argument === "" ? service : `${service}+${argument}`

/** What a service learns of its call beside its streams: the reference's variables, and one of Skerry's own. */
export function serviceEnvironment(params: ServiceParams): [string, string][] {
  const variables: [string, string][] = [
    ["QREXEC_REMOTE_DOMAIN", params.source],
    ["QREXEC_SERVICE_FULL_NAME", fullName(params)],
    ["SKERRY_CALL_ID", params.callId],
  ]
  if (params.argument !== "") variables.push(["QREXEC_SERVICE_ARGUMENT", params.argument])
  const target = params.requestedTarget === "" ? "@default" : params.requestedTarget
  if (target.startsWith("@")) {
    variables.push(["QREXEC_REQUESTED_TARGET_TYPE", "keyword"])
    variables.push(["QREXEC_REQUESTED_TARGET_KEYWORD", target.slice(1)])
  } else {
    variables.push(["QREXEC_REQUESTED_TARGET_TYPE", "name"], ["QREXEC_REQUESTED_TARGET", target])
  }
  return variables
}

/** What a socket's server reads before the caller's bytes: which service is called, and by whom. */
export const serviceDescriptor = (params: ServiceParams): Uint8Array =>
  Buffer.from(`${fullName(params)} ${params.source}\0`)
