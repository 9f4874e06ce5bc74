import { buildShared } from "./image-build.ts"
import { sampleSystem } from "./sample-system.ts"

/* The images that tests share, built before the first of them asks. */
const startMs = performance.now()
await buildShared(sampleSystem())
console.log(`== images for tests: ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
