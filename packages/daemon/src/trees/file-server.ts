import type { Connection } from "@skerry/rpc"

/** What a file server serves. */
export type ServerRoot =
  | {
      readonly kind: "store"
      /** What all of it may take on disk; null: what the disk has. */
      readonly limitMiB: number | null
    }
  | {
      readonly kind: "directory"
      /** An open handle of the directory; stays the caller's. */
      readonly handle: number
      /** Where it can only be read, the server could not write to it if it wanted to. */
      readonly access: "read" | "write"
      /** Whose the directory is: as root the server runs under this account. */
      readonly owner: { readonly uid: number; readonly gid: number }
      /** For messages. */
      readonly path: string
    }

/**
 * How file servers are run. To add a way: an implementation of this, and its line in FileServerHosts. Nothing that a
 * server says is trusted: it reads what guests send.
 */
export interface FileServerHost {
  /** Resolves when calls can be made. Rejects with an error for people; nothing is left behind then. */
  start(root: ServerRoot, signal: AbortSignal): Promise<FileServer>
}

/** A file server that runs. Disposing of it kills it, and waits for `ended`. */
export interface FileServer extends AsyncDisposable {
  /** Calls of FILES. */
  readonly control: Connection
  /**
   * Joins a new client under a label of its own; the client's end, a stream socket, is the caller's. Nothing is served
   * on it before `serve` names the label.
   */
  connect(label: number): Promise<number>
  /** The client was dropped: what joined it goes. */
  disconnect(label: number): Promise<void>
  /**
   * Whether it waits in the kernel of the host, as for a slow disk: whatever is done to it, it goes on, or ends, when that is over. False
   * where that cannot be seen. Never rejects.
   */
  isWaiting(): Promise<boolean>
  /** Settles once, and never rejects, with why the server ended, for people. */
  readonly ended: Promise<string>
}

/** Where each kind of root is served. */
export interface FileServerHosts {
  /** For host directories, and for the store where settings say so. */
  readonly process: FileServerHost
  /** For the store alone: directories of the host cannot be in a machine. Undefined: it is not to be had here. */
  readonly vm: FileServerHost | undefined
}
