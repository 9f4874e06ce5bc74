import { execFileSync, spawn } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { zstdDecompressSync } from "node:zlib"
import { openLinux } from "@skerry/linux"
import type { Agent } from "../packages/daemon/src/agent.ts"
import { qemuArguments } from "../packages/isolation/src/backends/qemu/command-line.ts"
import { machineFor } from "../packages/isolation/src/backends/qemu/machine.ts"
import { Monitor } from "../packages/isolation/src/backends/qemu/monitor.ts"
import { Ports } from "../packages/isolation/src/backends/qemu/ports.ts"
import { connectClient, sandboxed, startFilesServer } from "./support/files-server.ts"
import { sharedPaths } from "./support/image-build.ts"
import { identify, runScript } from "./support/vm-agent.ts"
import { vmImage } from "./support/vm-host.ts"

/*
 * A tree of the file server in an emulated machine, beside QEMU's own virtio-9p on the same machine and directory, in one
 * run: node test/bench-trees.ts [MiB]. QEMU runs unconfined here and with a device that no domain has. As root.
 */
const MIB = Number(process.argv[2] ?? 32)
const FILES = 200
const ROUNDS = 3
const linux = openLinux()
const folder = mkdtempSync(join(tmpdir(), "skerry-bench-trees-"))
const served = join(folder, "served")
mkdirSync(served, { mode: 0o700 })

const image = await vmImage("trees")

const shape = { memoryMiB: 512, vcpus: 1 }
const machine = machineFor(process.arch, "tcg")
const layerBytes = image.layers.map(({ path }) => readFileSync(path).length)
const args = qemuArguments({ machine, acceleration: "tcg", shape, layerBytes, start: "boot-private" })
const own = [
  "-fsdev",
  `local,id=own,path=${served},security_model=none`,
  "-device",
  "virtio-9p-pci,fsdev=own,mount_tag=own",
]
const kernel = join(folder, "kernel")
writeFileSync(kernel, zstdDecompressSync(readFileSync(image.kernel.path)))
const memory = openSync(join(folder, "memory"), "w+")
execFileSync("truncate", ["-s", `${shape.memoryMiB}M`, join(folder, "memory")])
const [monitorFd, qemuMonitor] = linux.socketPair()
const opened = [kernel, image.initramfs.path, ...image.layers.map(({ path }) => path)].map((path) =>
  openSync(path, "r"),
)
const qemu = spawn(machine.binary, [...args, ...own], {
  stdio: ["ignore", "inherit", "inherit", "pipe", qemuMonitor, memory, "pipe", ...opened],
})
for (const fd of [qemuMonitor, memory, ...opened]) closeSync(fd)
const streams = qemu.stdio as unknown as readonly Socket[]
const [control, console_] = [streams[3], streams[6] as unknown as Readable]
if (control === undefined) throw new Error("no control channel")
console_.resume()
const monitor = new Monitor(new Socket({ fd: monitorFd }), (why) => console.error(why))
const ports = new Ports({
  monitor,
  async giveDescriptor(fdname, fd) {
    const command = Buffer.from(`${JSON.stringify({ execute: "getfd", arguments: { fdname } })}\n`)
    await monitor.expect("getfd", () => linux.sendDescriptors(monitorFd, command, [fd]))
  },
})
const domain = { id: "bench", channel: control } as never
const server = startFilesServer(sandboxed({ kind: "directory", path: served, access: "write" }))
try {
  const agent = await identify(domain)
  await monitor.ready
  await root("mkdir -p /mnt/own /mnt/skerry")
  await loadModule("9pnet_virtio")
  await root(
    "/usr/lib/skerry/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=524312,cache=mmap,access=any own /mnt/own",
  )
  await ports.add("tree", connectClient(server, 1, "write"))
  await mount(agent)
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [what, at] of [
      ["virtio-9p", "/mnt/own"],
      ["skerry", "/mnt/skerry"],
    ] as const) {
      console.log(`${round}. ${what.padEnd(10)} ${await root(measure(at))}`)
    }
  }
} finally {
  qemu.kill("SIGKILL")
  server[Symbol.dispose]()
  rmSync(folder, { recursive: true })
}
process.exit(0)

async function mount(agent: Agent): Promise<void> {
  const began = performance.now()
  const tree = {
    port: "tree",
    attachName: "tree",
    at: "/mnt/skerry",
    only: "",
    access: "write",
    sharing: "private",
  } as const
  await agent.mountTree(tree, AbortSignal.timeout(60_000))
  console.log(`mounted in ${Math.round(performance.now() - began)} ms`)
}

async function root(script: string, input = ""): Promise<string> {
  const { stdout, stderr, status } = await runScript(domain, script, { user: "root", input })
  if (status !== "0") throw new Error(`${script}: ${stderr}`)
  return stdout.trim()
}

/** One that no domain has, out of the kernel's package. */
async function loadModule(module: string): Promise<void> {
  const packages = join(sharedPaths().cache, "packages")
  const unpack = `for deb in ${packages}/*.deb; do if dpkg-deb -f "$deb" Package | grep -q ^linux-image-6; then dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards '*/${module}.ko'; fi; done`
  const bytes = execFileSync("sh", ["-c", unpack], { maxBuffer: 16 << 20 })
  await root(
    `base64 -d >/run/${module}.ko && /usr/lib/skerry/busybox insmod /run/${module}.ko`,
    bytes.toString("base64"),
  )
}

function measure(at: string): string {
  return `cd ${at}
ms() { begin=$(date +%s%N); "$@" >/dev/null 2>&1; echo $(( ($(date +%s%N) - begin) / 1000000 )); }
make() { i=0; while [ $i -lt ${FILES} ]; do echo hello >small/$i; i=$((i+1)); done; }
look() { i=0; while [ $i -lt ${FILES} ]; do read -r line <small/$i; i=$((i+1)); done; }
rate() { echo "$(( ${MIB} * 1000 / ($2 + 1) )) MiB/s $1,"; }
rate write $(ms dd if=/dev/zero of=big bs=1M count=${MIB} conv=fsync)
echo 3 >/proc/sys/vm/drop_caches
rate read $(ms dd if=big of=/dev/null bs=1M)
rate "read by 128 KiB" $(ms dd if=big of=/dev/null bs=128k)
mkdir small
echo "${FILES} files: made in $(ms make) ms, read in $(ms look) ms, listed in $(ms ls -l small) ms, removed in $(ms rm -r small big) ms"`
}
