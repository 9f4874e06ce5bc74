import type { Program } from "./program.ts"

/**
 * Programs of a domain by the name that they are called by: services under /etc/qubes-rpc, commands under /usr/bin.
 * To add one: its file, and one line here. Each is loaded only when it is called.
 */
export const SERVICES: Readonly<Record<string, () => Promise<Program>>> = {
  "qubes.Filecopy": async () => (await import("./filecopy/filecopy-service.ts")).filecopyService,
  "skerry.Convert": async () => (await import("./convert/render.ts")).renderService,
  // The reference's name: the same stream.
  "qubes.PdfConvert": async () => (await import("./convert/render.ts")).renderService,
  "skerry.FileRead": async () => (await import("./filecopy/file-read.ts")).fileRead,
}
export const COMMANDS: Readonly<Record<string, () => Promise<Program>>> = {
  "qvm-copy": async () => (await import("./filecopy/copy-command.ts")).qvmCopy,
  "qvm-copy-to-vm": async () => (await import("./filecopy/copy-command.ts")).qvmCopyToVm,
  "skerry-convert": async () => (await import("./convert/convert-program.ts")).convertProgram,
  "qvm-convert-pdf": async () => (await import("./convert/convert-program.ts")).convertProgram,
  "skerry-gpg": async () => (await import("./gpg/client.ts")).gpgClient,
  // The reference's names, so that settings which name them go on working.
  "qubes-gpg-client": async () => (await import("./gpg/client.ts")).gpgClient,
  "qubes-gpg-client-wrapper": async () => (await import("./gpg/client.ts")).gpgClient,
  "skerry-cp": async () => (await import("./filecopy/copy-command.ts")).skerryCp,
}
