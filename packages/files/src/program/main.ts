import { type Linux, openLinux } from "@skerry/linux"
import { findVirtioPort, Loop, openVirtioPort, servePort, VIRTIO_PORTS } from "@skerry/loop"
import { storeSource } from "../store/store-source.ts"
import { type ProgramOptions, parseProgramArguments } from "./arguments.ts"
import { descriptorClients, portClients } from "./client-source.ts"
import { directorySource } from "./directory-source.ts"
import { FileServer } from "./file-server.ts"

/** The file server. Whoever started it is gone when the control connection ends, and so is the server. */
function main(options: ProgramOptions): void {
  const linux = openLinux(options.koffi)
  linux.forbidNewPrivileges()
  // Permissions are what clients say; their kernels have their own masks.
  process.umask(0)
  const loop = new Loop(linux, () => performance.now())
  const host = { loop, linux }
  const { control } = options
  const server = new FileServer({
    ...host,
    trees: openTrees(options, host),
    clients:
      control.kind === "ports" ? portClients(host, VIRTIO_PORTS) : descriptorClients(linux, control.clients),
    log,
  })
  const serve = (fd: number) => {
    const onEnd = () => {
      server.end()
      process.exit(0)
    }
    servePort({ ...host, fd, onEnd }, server.handlers())
  }
  if (control.kind === "descriptors") serve(control.control)
  else {
    const device = findVirtioPort(VIRTIO_PORTS, control.control)
    if (device === undefined) throw new Error(`No virtio port is called ${control.control}`)
    openVirtioPort(host, device, serve)
  }
  loop.run()
  // What npm packages left in Node's own loop is nobody's business any more.
  process.exit(0)
}

function openTrees(
  { serves, control }: ProgramOptions,
  { linux, loop }: { readonly linux: Linux; readonly loop: Loop },
) {
  switch (serves.kind) {
    case "directory":
      return directorySource({ ...serves, calls: linux.fileCalls(), uid: process.getuid?.() ?? -1 })
    case "store":
      return storeSource({
        directory: serves.path,
        limitBytes: bytesOf(serves.limitMiB),
        isInMachine: control.kind === "ports",
        linux,
        clock: loop,
        log,
      })
  }
}

const log = (line: string) => console.error("skerry files:", line)

const bytesOf = (mebibytes = Number.POSITIVE_INFINITY) => mebibytes * 1024 * 1024

try {
  main(parseProgramArguments(process.argv.slice(2)))
} catch (error) {
  console.error("skerry files:", error instanceof Error ? error.message : error)
  process.exit(1)
}
