export { ConfigError, type ConfigErrorCode, type SourcePosition } from "./config-error.ts"
export { initialise, writeEditorFiles } from "./initialise.ts"
export { configurationJsonSchema } from "./json-schema.ts"
export {
  CONFIG_JSON,
  CONFIG_TYPESCRIPT,
  type LoadedSystem,
  type LoadOptions,
  loadSystem,
} from "./load.ts"
export { type NormalisedSystem, normalise } from "./normalise.ts"
export { BUNDLED_CONFIG_PROGRAM, type ConfigProgram, configProgram } from "./program.ts"
export type { Problem } from "./schema/problem.ts"
export { STARTER_CONFIGURATION } from "./starter.ts"
