export { CONTROL_PORT_NAME } from "./limits.ts"
export { passCall } from "./pass-call.ts"
export { BadServiceConfig, parseServiceConfig } from "./services/service-config.ts"
