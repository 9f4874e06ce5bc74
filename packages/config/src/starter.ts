/** The configuration that `skerry init` writes: something useful to run, explained as it goes. */
export const STARTER_CONFIGURATION = `import { debian, defineSystem, state } from "skerry"

// This file says all that Skerry may run on this machine. After a change:
//
//   skerry config check     finds mistakes
//   skerry build            makes the images that changed

export default defineSystem({
  // What to run. An application is a list of Debian packages and a command; it has no permissions.
  applications: {
    pdf: {
      source: debian({ packages: ["poppler-utils"] }),
      // Reads a PDF from standard input and writes its text to standard output.
      command: ["pdftotext", "-", "-"],
    },
    scratch: {
      source: debian({
        packages: [
          "bash",
          "coreutils",
          "file",
          "findutils",
          "gawk",
          "grep",
          "gzip",
          "less",
          "procps",
          "sed",
          "tar",
          "util-linux",
          "vim-tiny",
          "xz-utils",
        ],
      }),
      command: ["bash", "-l"],
    },
  },

  // What can be granted to an instance.
  resources: {
    // Files that are kept: a tree of the state store, with its versions ("skerry state log notes"). It appears at
    // /home/user, and several instances may share it.
    notes: state("notes"),

    // A directory of this machine, to be read only unless you say more; it would appear at /mnt/tax:
    //
    //   tax: hostDirectory("~/Documents/tax", { access: "read" }),
    //
    // A service of another instance. What has "keys" granted could have things signed by the instance "vault", and you
    // would be asked each time:
    //
    //   keys: { kind: "service", service: "skerry.Gpg", target: "vault" },
  },

  // What you use, by name: each instance is an application plus the resources granted to it. An instance
  // without grants has no network, sees no file of this machine and no device, and reaches no other instance.
  // Several instances may share one application; they share nothing else.
  instances: {
    // skerry run -d pdf < untrusted.pdf
    pdf: { application: "pdf" },

    // skerry run -t notes. Its home is kept; whatever else it writes is gone when it ends.
    notes: { application: "scratch", grants: ["notes"] },

    // skerry run -d -t scratch. Other instances may have files and links opened in disposables of it.
    scratch: { application: "scratch", disposableTemplate: true },

    // The same programs without a kernel of their own: lighter, and a weaker wall. An instance gets "vm"
    // unless it says, as here, that less will do.
    light: { application: "scratch", isolation: "process" },
  },

  settings: {
    // One domain of each image used lately is kept ready, for a fast start; 0 saves the memory.
    standby: { perImage: 1, memoryMiB: 512 },

    // What "in a disposable" means where nothing more is said.
    defaultDisposable: "scratch",
  },
})
`
