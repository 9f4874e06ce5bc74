/** Console text that is searched for the kernel's last words. */
const PANIC_CHARACTERS = 4096

/** Passes the console on and remembers how the kernel ended, if it did. */
export function panicWatch(onConsole: (untrustedText: string) => void) {
  let untrustedTail = ""
  let untrustedPanic: string | undefined
  return {
    onConsole(untrustedText: string) {
      onConsole(untrustedText)
      if (untrustedPanic !== undefined) return
      untrustedTail = (untrustedTail + untrustedText).slice(-PANIC_CHARACTERS)
      const found = /Kernel panic - not syncing: ([^\r\n]{1,200})[\r\n]/.exec(untrustedTail)
      if (found?.[1] !== undefined) untrustedPanic = JSON.stringify(found[1])
    },
    lastWords: () => untrustedPanic,
  }
}
