export { CONTROL_PORT_NAME } from "./control-port.ts"
export { type AgentParts, agentHandlers } from "./handlers.ts"
export { type Identities, sharedIdentities } from "./identity.ts"
