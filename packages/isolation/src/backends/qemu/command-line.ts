import type { Shape } from "../../backend.ts"
import type { Acceleration, Machine } from "./machine.ts"

/** Descriptors that QEMU starts with: it opens nothing of ours by path. */
export const QEMU_DESCRIPTORS = {
  control: 3,
  monitor: 4,
  memory: 5,
  console: 6,
  /** A clone reads its device state here; a fresh boot has the kernel here. */
  stateOrKernel: 7,
  /** Only for a fresh boot; a volume follows the last layer. */
  initramfs: 8,
  firstLayer: 9,
} as const

export interface Launch {
  readonly machine: Machine
  readonly acceleration: Acceleration
  readonly shape: Shape
  /** Bytes of each erofs layer, lowest first; all multiples of 2 MiB. */
  readonly layerBytes: readonly number[]
  /** A template's memory is written back to its file, a clone's is a private copy-on-write view of it. */
  readonly start: "boot-shared" | "boot-private" | "boot-with-volume" | "clone"
}

/** Emulated code that QEMU keeps translated; small, because every domain has its own. */
const TRANSLATION_CACHE_MIB = 64

/** Of the machine that serves others: one for each tree of each domain. Elsewhere QEMU's default of 31 is plenty. */
const SERVED_PORTS = 255

const MIB = 1024 * 1024

/** Only what is behind the front-end devices may differ between a template and its clones (their order too counts). */
export function qemuArguments(launch: Launch): string[] {
  const { machine, shape, start } = launch
  const fd = QEMU_DESCRIPTORS
  const layersMiB = launch.layerBytes.reduce((sum, bytes) => sum + Math.ceil(bytes / MIB), 0)
  // Each persistent-memory device takes an aligned place behind the ordinary memory.
  const mostMiB = shape.memoryMiB + layersMiB + 1024 * (launch.layerBytes.length + 1)
  const accelerator =
    launch.acceleration === "kvm" ? "kvm" : `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MIB}`
  return [
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-machine", `${machine.machine},memory-backend=memory`, "-accel", accelerator, "-cpu", machine.cpu],
    ...["-smp", String(shape.vcpus)],
    ...["-m", `${shape.memoryMiB}M,slots=${launch.layerBytes.length + 1},maxmem=${mostMiB}M`],
    ...["-object", memoryObject(shape, start)],
    ...launch.layerBytes.flatMap((bytes, index) => layerArguments(bytes, index)),
    ...(start === "boot-with-volume" ? volumeArguments(launch.layerBytes.length) : []),
    ...["-device", serialDevice(launch)],
    ...["-chardev", `socket,id=control,fd=${fd.control}`],
    ...["-device", "virtserialport,bus=serial.0,chardev=control,name=org.skerry.control"],
    ...["-chardev", `socket,id=monitor,fd=${fd.monitor}`, "-mon", "chardev=monitor,mode=control"],
    ...["-chardev", `socket,id=console,fd=${fd.console}`, "-serial", "chardev:console"],
    ...machine.devices.flatMap((device) => ["-device", device]),
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...(start === "clone" ? ["-incoming", "defer"] : bootArguments(launch)),
  ]
}

function memoryObject(shape: Shape, start: Launch["start"]): string {
  const share = start === "boot-shared" ? "on" : "off"
  const path = `/proc/self/fd/${QEMU_DESCRIPTORS.memory}`
  return `memory-backend-file,id=memory,size=${shape.memoryMiB}M,mem-path=${path},share=${share}`
}

/**
 * Emulated, what a guest writes to a port leaves in the turn of its own processor: another thread of QEMU's would have to
 * be woken for it, and the processor would wait for that one's lock with the next piece.
 */
function serialDevice({ acceleration, start }: Launch): string {
  const events = acceleration === "tcg" ? ",ioeventfd=off" : ""
  const ports = start === "boot-with-volume" ? `,max_ports=${SERVED_PORTS}` : ""
  return `virtio-serial-pci,id=serial${events}${ports}`
}

function layerArguments(bytes: number, index: number): string[] {
  const path = `/proc/self/fd/${QEMU_DESCRIPTORS.firstLayer + index}`
  return [
    ...[
      "-object",
      `memory-backend-file,id=layer${index},size=${bytes},mem-path=${path},share=on,readonly=on`,
    ],
    ...["-device", `virtio-pmem-pci,memdev=layer${index},id=pmem${index}`],
  ]
}

/** The guest's flushes are the host's: what the guest has synchronised survives QEMU and the loss of power. */
function volumeArguments(layers: number): string[] {
  const fd = QEMU_DESCRIPTORS.firstLayer + layers
  return [
    // Not by /proc/self/fd: opened anew, it would have to be the account's own.
    ...["-add-fd", `fd=${fd},set=1`],
    ...["-blockdev", "driver=file,node-name=volume,filename=/dev/fdset/1,locking=off,discard=unmap"],
    ...["-device", "virtio-blk-pci,drive=volume,id=volume0"],
  ]
}

function bootArguments({ machine, layerBytes, start }: Launch): string[] {
  const words = [
    `console=${machine.console}`,
    "quiet",
    "panic=-1",
    "random.trust_cpu=on",
    `skerry.layers=${layerBytes.length}`,
    ...(start === "boot-with-volume" ? ["skerry.volume"] : []),
    ...machine.kernelWords,
  ]
  const fd = QEMU_DESCRIPTORS
  return [
    ...["-kernel", `/proc/self/fd/${fd.stateOrKernel}`, "-initrd", `/proc/self/fd/${fd.initramfs}`],
    ...["-append", words.join(" ")],
  ]
}
