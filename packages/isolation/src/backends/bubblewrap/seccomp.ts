import type { ArchitectureCalls } from "./seccomp-calls.ts"

/*
 * The filter is a classic BPF program over struct seccomp_data (all little-endian here):
 *
 *  0     4      8                    16       24
 *  +-----+------+--------------------+--------+--------+ …
 *  | nr  | arch | instruction_pointer| args[0]| args[1]|
 *  +-----+------+--------------------+--------+--------+ …
 *
 * Each instruction is { u16 code, u8 jumpTrue, u8 jumpFalse, u32 k }, jumps counted from the next one. Arguments that
 * the kernel takes as 32 bits are compared in their low half alone, as the kernel does.
 */
const OFFSET = { number: 0, architecture: 4, argument0: 16, argument1: 24 }

const LOAD = 0x20 // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER = 0x25 // BPF_JMP | BPF_JGT | BPF_K
const JUMP_ANY_BIT = 0x45 // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06 // BPF_RET | BPF_K

const errno = (number: number) => 0x00050000 | number // SECCOMP_RET_ERRNO
const ALLOW = 0x7fff0000 // SECCOMP_RET_ALLOW
const KILL = 0x80000000 // SECCOMP_RET_KILL_PROCESS
const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97

/**
 * CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} of linux/sched.h. CLONE_NEWTIME is missing: its bit belongs to the
 * exit signal in clone, it has its meaning only in clone3 and unshare, and both of these are closed.
 */
const NAMESPACE_FLAGS = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000

/** Both put characters into a terminal's input, as if the person at it had typed them. */
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c

/** Ordinary, 32-bit names in uname, and 0xffffffff, which only asks. Others turn protections of memory off. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff]

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (the C library lists interfaces with it). */
const SOCKET_FAMILIES = [1, 2, 10, 16]

export interface Instruction {
  readonly code: number
  readonly jumpTrue: number
  readonly jumpFalse: number
  readonly k: number
}

const step = (code: number, k: number, jumpTrue = 0, jumpFalse = 0): Instruction => ({
  code,
  jumpTrue,
  jumpFalse,
  k: k >>> 0,
})

/** `body` ends in a return, so that what follows is reached only by other calls. */
function onCall(number: number, body: readonly Instruction[]): Instruction[] {
  return [step(JUMP_EQUAL, number, 0, body.length), ...body]
}

function onlyIfArgumentIn(offset: number, allowed: readonly number[], otherwise: number): Instruction[] {
  return [
    step(LOAD, offset),
    ...allowed.flatMap((value) => [step(JUMP_EQUAL, value, 0, 1), step(RETURN, ALLOW)]),
    step(RETURN, otherwise),
  ]
}

function unlessArgumentIn(offset: number, denied: readonly number[]): Instruction[] {
  return [
    step(LOAD, offset),
    ...denied.flatMap((value) => [step(JUMP_EQUAL, value, 0, 1), step(RETURN, errno(EPERM))]),
    step(RETURN, ALLOW),
  ]
}

export function seccompFilter(calls: ArchitectureCalls): Instruction[] {
  return [
    step(LOAD, OFFSET.architecture),
    step(JUMP_EQUAL, calls.auditArch, 1, 0),
    step(RETURN, KILL),
    step(LOAD, OFFSET.number),
    step(JUMP_GREATER, calls.last, 0, 1),
    step(RETURN, errno(ENOSYS)),
    // Its flags lie behind a pointer, out of a filter's reach; the C library then falls back to clone.
    ...onCall(calls.clone3, [step(RETURN, errno(ENOSYS))]),
    ...onCall(calls.clone, [
      step(LOAD, OFFSET.argument0),
      step(JUMP_ANY_BIT, NAMESPACE_FLAGS, 0, 1),
      step(RETURN, errno(EPERM)),
      step(RETURN, ALLOW),
    ]),
    ...onCall(calls.ioctl, unlessArgumentIn(OFFSET.argument1, [TIOCSTI, TIOCLINUX])),
    ...onCall(calls.personality, onlyIfArgumentIn(OFFSET.argument0, PERSONALITIES, errno(EPERM))),
    ...onCall(calls.socket, onlyIfArgumentIn(OFFSET.argument0, SOCKET_FAMILIES, errno(EAFNOSUPPORT))),
    ...Object.values(calls.denied).flatMap((number) => onCall(number, [step(RETURN, errno(EPERM))])),
    step(RETURN, ALLOW),
  ]
}

/** As `bwrap --seccomp` and the kernel take it: struct sock_filter[]. */
export function encodeFilter(filter: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(filter.length * 8)
  filter.forEach(({ code, jumpTrue, jumpFalse, k }, index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(jumpTrue, index * 8 + 2)
    bytes.writeUInt8(jumpFalse, index * 8 + 3)
    bytes.writeUInt32LE(k, index * 8 + 4)
  })
  return bytes
}
