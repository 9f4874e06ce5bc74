export type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"
export { COMMANDS, SERVICES } from "./programs.ts"
