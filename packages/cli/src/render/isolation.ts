/** "vm (qemu, emulated)", "process (bubblewrap)": what keeps a domain apart, for people. */
export function isolationWords(level: string, backend: string, acceleration: string | undefined): string {
  const how = acceleration === "tcg" ? "emulated" : acceleration === "kvm" ? "KVM" : undefined
  return `${level} (${how === undefined ? backend : `${backend}, ${how}`})`
}
