export { type AccountOptions, Accounts, type DomainAccount, type IdRange, parseSubIds } from "./accounts.ts"
export * from "./backend.ts"
export { type BubblewrapOptions, openBubblewrap } from "./backends/bubblewrap/bubblewrap.ts"
export { processFilter } from "./backends/bubblewrap/process-filter.ts"
export { FakeBackend, type FakeFault, type FakeOptions } from "./backends/fake/fake.ts"
export type { FakeDomain, FakePeer } from "./backends/fake/fake-domain.ts"
export { type AccelerationFinding, knownAcceleration } from "./backends/qemu/acceleration.ts"
export { type OpenQemuOptions, openQemu } from "./backends/qemu/open.ts"
export {
  type CgroupControls,
  type CgroupOptions,
  type Cgroups,
  openCgroups,
  readCgroupTexts,
} from "./cgroup.ts"
export type { DomainCgroup } from "./cgroup-domain.ts"
export type { CgroupLimits } from "./cgroup-layout.ts"
export { collectDerived } from "./collect-derived.ts"
export {
  type BackendVerdict,
  type Finding,
  type FindingState,
  type HostFacts,
  interpretHost,
  judgeBackends,
} from "./host-probe.ts"
export { type HostProbeOptions, readHostFacts } from "./host-probe-read.ts"
export { ownProcesses } from "./own-processes.ts"
export { readChildren, waitsInKernel } from "./process-tree.ts"
export { verifyImage, verifyImageFile } from "./verify-image.ts"
