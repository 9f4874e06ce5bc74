/*
 * System calls that a domain of level `process` may not make, for each processor architecture, and why. Numbers are
 * those of the kernel's asm/unistd.h. Everything above `last` is answered "no such system call", so that what a
 * newer kernel adds stays closed until someone has looked at it here.
 */

export type Architecture = "x86_64" | "aarch64"

export interface ArchitectureCalls {
  /** AUDIT_ARCH_… of linux/audit.h; any other value is a call through a foreign door (int 0x80, say). */
  readonly auditArch: number
  /** The highest number that we have looked at; x32's calls lie above it too. */
  readonly last: number
  readonly denied: Readonly<Record<string, number>>
  readonly clone: number
  readonly clone3: number
  readonly ioctl: number
  readonly personality: number
  readonly socket: number
}

export const CALLS: Readonly<Record<Architecture, ArchitectureCalls>> = {
  x86_64: {
    auditArch: 0xc000003e,
    last: 456,
    clone: 56,
    clone3: 435,
    ioctl: 16,
    personality: 135,
    socket: 41,
    denied: {
      // Other namespaces and mounts: the ways back out, and a large part of the kernel's past holes.
      ...{ unshare: 272, setns: 308, chroot: 161, pivot_root: 155, mount: 165, umount2: 166 },
      ...{ open_tree: 428, move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, fspick: 433 },
      ...{ mount_setattr: 442, open_by_handle_at: 304, fanotify_init: 300, fanotify_mark: 301 },
      // Other processes' memory and descriptors.
      ...{ ptrace: 101, process_vm_readv: 310, process_vm_writev: 311, process_madvise: 440 },
      ...{ kcmp: 312, pidfd_getfd: 438 },
      // Key rings are not kept apart by namespaces.
      ...{ add_key: 248, request_key: 249, keyctl: 250 },
      // Large, young or rarely needed interfaces.
      ...{ bpf: 321, perf_event_open: 298, userfaultfd: 323, lookup_dcookie: 212, memfd_secret: 447 },
      ...{ io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 },
      ...{
        mbind: 237,
        set_mempolicy: 238,
        migrate_pages: 256,
        move_pages: 279,
        set_mempolicy_home_node: 450,
      },
      // The host as a whole.
      ...{ kexec_load: 246, kexec_file_load: 320, init_module: 175, finit_module: 313, delete_module: 176 },
      ...{ reboot: 169, swapon: 167, swapoff: 168, acct: 163, quotactl: 179, quotactl_fd: 443, syslog: 103 },
      ...{ settimeofday: 164, clock_settime: 227, clock_adjtime: 305, adjtimex: 159, sethostname: 170 },
      ...{ setdomainname: 171, vhangup: 153 },
      // Of this architecture alone.
      ...{ iopl: 172, ioperm: 173, modify_ldt: 154, uselib: 134, ustat: 136, sysfs: 139, _sysctl: 156 },
      ...{ create_module: 174, get_kernel_syms: 177, query_module: 178, nfsservctl: 180, vserver: 236 },
    },
  },
  aarch64: {
    auditArch: 0xc00000b7,
    last: 456,
    clone: 220,
    clone3: 435,
    ioctl: 29,
    personality: 92,
    socket: 198,
    denied: {
      ...{ unshare: 97, setns: 268, chroot: 51, pivot_root: 41, mount: 40, umount2: 39 },
      ...{ open_tree: 428, move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, fspick: 433 },
      ...{ mount_setattr: 442, open_by_handle_at: 265, fanotify_init: 262, fanotify_mark: 263 },
      ...{ ptrace: 117, process_vm_readv: 270, process_vm_writev: 271, process_madvise: 440 },
      ...{ kcmp: 272, pidfd_getfd: 438 },
      ...{ add_key: 217, request_key: 218, keyctl: 219 },
      ...{ bpf: 280, perf_event_open: 241, userfaultfd: 282, lookup_dcookie: 18, memfd_secret: 447 },
      ...{ io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 },
      ...{
        mbind: 235,
        set_mempolicy: 237,
        migrate_pages: 238,
        move_pages: 239,
        set_mempolicy_home_node: 450,
      },
      ...{ kexec_load: 104, kexec_file_load: 294, init_module: 105, finit_module: 273, delete_module: 106 },
      ...{ reboot: 142, swapon: 224, swapoff: 225, acct: 89, quotactl: 60, quotactl_fd: 443, syslog: 116 },
      ...{ settimeofday: 170, clock_settime: 112, clock_adjtime: 266, adjtimex: 171, sethostname: 161 },
      ...{ setdomainname: 162, vhangup: 58, nfsservctl: 42 },
    },
  },
}
