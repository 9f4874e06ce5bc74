export { CONTROL_PORT_NAME } from "./control-port.ts"
export { passCall } from "./pass-call.ts"
export { BadServiceConfig, parseServiceConfig } from "./services/service-config.ts"
