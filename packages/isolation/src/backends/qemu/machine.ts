import { IsolationError } from "../../backend.ts"

export type Acceleration = "kvm" | "tcg"

/** What differs between processors and accelerators: a new architecture is an entry in this table. */
export interface Machine {
  readonly binary: string
  /** Debian's package of the binary, for messages. */
  readonly debianPackage: string
  readonly machine: string
  readonly cpu: string
  readonly console: string
  /** Words for the guest kernel's command line. */
  readonly kernelWords: readonly string[]
  readonly devices: readonly string[]
}

/** Kernel code that runs in every process start or at every tick, and is of no use in a machine with one agent. */
const LEAN_WORDS = [
  // Two of Debian's security modules, which other software may count on; the rest have no policy here.
  "lsm=landlock,yama",
  ...["audit=0", "psi=0", "cgroup_disable=memory", "nowatchdog", "noautogroup"],
  // A huge page is cleared, and so taken from the host, as a whole.
  "transparent_hugepage=never",
]

/** Under emulation nothing is speculated on the guest's behalf: mitigations would cost time and protect nothing. */
const TCG_WORDS = ["mitigations=off", ...LEAN_WORDS]

const MACHINES: Readonly<Record<string, Readonly<Record<Acceleration, Machine>>>> = {
  x64: {
    // microvm has the shortest boot, but hangs in about half of the boots under emulation (timer calibration).
    kvm: {
      binary: "qemu-system-x86_64",
      debianPackage: "qemu-system-x86",
      machine: "microvm,pcie=on,acpi=on,isa-serial=on,rtc=on,auto-kernel-cmdline=off",
      cpu: "host",
      console: "ttyS0",
      kernelWords: LEAN_WORDS,
      devices: [],
    },
    tcg: {
      binary: "qemu-system-x86_64",
      debianPackage: "qemu-system-x86",
      machine: "q35,usb=off,vmport=off,sata=off,smbus=off,i8042=off,hpet=off",
      // Debian's baseline and more. Wider registers are emulated in software: saving them, five levels of page tables
      // and guarded accesses to user memory make a clone's first command a fifth slower.
      cpu: "Nehalem,-vme,+rdrand",
      console: "ttyS0",
      kernelWords: ["tsc=reliable", ...TCG_WORDS],
      devices: [],
    },
  },
  arm64: {
    kvm: {
      binary: "qemu-system-aarch64",
      debianPackage: "qemu-system-arm",
      machine: "virt,gic-version=max",
      cpu: "host",
      console: "ttyAMA0",
      kernelWords: LEAN_WORDS,
      devices: [],
    },
    tcg: {
      binary: "qemu-system-aarch64",
      debianPackage: "qemu-system-arm",
      machine: "virt,gic-version=max",
      cpu: "max",
      console: "ttyAMA0",
      kernelWords: TCG_WORDS,
      devices: [],
    },
  },
  ppc64: {
    kvm: {
      binary: "qemu-system-ppc64",
      debianPackage: "qemu-system-ppc",
      machine: "pseries",
      cpu: "host",
      console: "hvc0",
      kernelWords: LEAN_WORDS,
      devices: [],
    },
    tcg: {
      binary: "qemu-system-ppc64",
      debianPackage: "qemu-system-ppc",
      machine: "pseries",
      cpu: "max",
      console: "hvc0",
      kernelWords: TCG_WORDS,
      devices: [],
    },
  },
}

/** `architecture` as in process.arch. Fails with "unusable". */
export function machineFor(architecture: string, acceleration: Acceleration): Machine {
  const machine = MACHINES[architecture]?.[acceleration]
  if (machine !== undefined) return machine
  const known = Object.keys(MACHINES).join(", ")
  throw new IsolationError("unusable", `Skerry has no virtual machine for "${architecture}"; it has ${known}`)
}
