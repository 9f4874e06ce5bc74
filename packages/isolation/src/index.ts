export * from "./backend.ts"
export {
  type CgroupControls,
  type CgroupOptions,
  type Cgroups,
  openCgroups,
  readCgroupTexts,
} from "./cgroup.ts"
export type { DomainCgroup } from "./cgroup-domain.ts"
export type { CgroupLimits } from "./cgroup-layout.ts"
