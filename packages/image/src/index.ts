export { type BuildOptions, type BuildResult, buildSystem, lockPath } from "./build.ts"
export { bundleProgram } from "./bundle-program.ts"
export { DEBIAN_KEYRING, openDebianSource } from "./debian/debian-source.ts"
export { writeDurably } from "./durable.ts"
export { ImageError, type ImageErrorCode } from "./errors.ts"
export { bundleFileServer, findGuestPrograms, type GuestPrograms } from "./guest-programs.ts"
export { collectGarbage, type GcOptions, type GcResult } from "./store/collect.ts"
export {
  type CurrentGeneration,
  checkFiles,
  currentStamp,
  type Generation,
  type GenerationImage,
  GenerationStore,
  imagesOf,
  loadCurrent,
} from "./store/generations.ts"
export { ImageStore, type StoredFile } from "./store/image-store.ts"
export { rollback } from "./store/rollback.ts"
export { freeBytesOf } from "./work-space.ts"
