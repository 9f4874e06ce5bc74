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
  "skerry.Gpg": async () => {
    const [{ gpgService }, { askHost }] = await Promise.all([
      import("./gpg/service.ts"),
      import("./confirm/ask-host.ts"),
    ])
    return gpgService(askHost)
  },
  "skerry.SshAgent": async () => {
    const [{ sshAgentService }, { askHost }] = await Promise.all([
      import("./ssh-agent/service.ts"),
      import("./confirm/ask-host.ts"),
    ])
    return sshAgentService(askHost)
  },
  "skerry.FileRead": async () => (await import("./filecopy/file-read.ts")).fileRead,
  "qubes.OpenInVM": async () => (await import("./open-in-vm/open-in-vm.ts")).openInVm,
  "qubes.OpenURL": async () => (await import("./open-url/open-url.ts")).openUrl,
  "qubes.VMShell": async () => (await import("./shell/shell.ts")).shell,
  "qubes.VMExec": async () => (await import("./exec/exec.ts")).exec,
  "qubes.VMExecGUI": async () => (await import("./exec/exec.ts")).exec,
  "qubes.StartApp": async () => (await import("./start-app/start-app.ts")).startApp,
  "qubes.GetDate": async () => (await import("./get-date/get-date.ts")).getDate,
  "qubes.ConnectTCP": async () => (await import("./connect-tcp/connect-tcp.ts")).connectTcp,
  "qubes.ClipboardPaste": async () => (await import("./clipboard/clipboard.ts")).clipboardPaste,
  "skerry.ClipboardRead": async () => (await import("./clipboard/clipboard.ts")).clipboardRead,
}
export const COMMANDS: Readonly<Record<string, () => Promise<Program>>> = {
  "skerry-call": async () => (await import("./call/skerry-call.ts")).skerryCall,
  // The reference's name, with its options: scripts go on working.
  "qrexec-client-vm": async () => (await import("./call/skerry-call.ts")).skerryCall,
  "qvm-copy": async () => (await import("./filecopy/copy-command.ts")).qvmCopy,
  "qvm-copy-to-vm": async () => (await import("./filecopy/copy-command.ts")).qvmCopyToVm,
  "skerry-ssh-agent": async () => (await import("./ssh-agent/client.ts")).sshAgentClient,
  "skerry-convert": async () => (await import("./convert/convert-program.ts")).convertProgram,
  "qvm-convert-pdf": async () => (await import("./convert/convert-program.ts")).convertProgram,
  "skerry-gpg": async () => (await import("./gpg/client.ts")).gpgClient,
  // The reference's names, so that settings which name them go on working.
  "qubes-gpg-client": async () => (await import("./gpg/client.ts")).gpgClient,
  "qubes-gpg-client-wrapper": async () => (await import("./gpg/client.ts")).gpgClient,
  "skerry-cp": async () => (await import("./filecopy/copy-command.ts")).skerryCp,
  "qvm-open-in-vm": async () => (await import("./open-in-vm/command.ts")).qvmOpenInVm,
  "qvm-open-in-dvm": async () => (await import("./open-in-vm/command.ts")).qvmOpenInDvm,
  "skerry-open-url": async () => (await import("./open-url/open-url.ts")).skerryOpenUrl,
  // What programs and xdg-open look for where an image says nothing else.
  "x-www-browser": async () => (await import("./open-url/open-url.ts")).skerryOpenUrl,
  "qvm-connect-tcp": async () => (await import("./connect-tcp/forward.ts")).qvmConnectTcp,
  "skerry-clipboard": async () => (await import("./clipboard/clipboard.ts")).skerryClipboard,
  "skerry-bench-calls": async () => (await import("./bench/calls.ts")).benchCalls,
  "skerry-bench-echo": async () => (await import("./bench/echo-socket.ts")).benchEcho,
}
