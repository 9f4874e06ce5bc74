import { diskPlace } from "../testing/disk-store.ts"
import { objectStoreConformance } from "../testing/object-store-conformance.ts"

objectStoreConformance("disk", diskPlace)
