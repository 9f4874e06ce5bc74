export { CONTROL_PORT_NAME } from "./control-port.ts"
