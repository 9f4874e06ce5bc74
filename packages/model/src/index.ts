export * from "./names.ts"
export * from "./paths.ts"
export * from "./system.ts"
export { unreachable } from "./unreachable.ts"
