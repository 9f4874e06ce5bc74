export type * from "./file-tree.ts"
