/**
 * A filter of system calls that no worker needs: tracing and reading other processes, loading into the kernel, mounting,
 * making or entering namespaces, and interfaces that holes of past years were in. What is refused fails with EPERM.
 *
 * The program is classic BPF, as `seccomp(2)` and bubblewrap's `--seccomp` take it: eight bytes an instruction, in the
 * order of this machine. Numbers of calls are those of Linux's tables (`asm/unistd_64.h`, `asm-generic/unistd.h`);
 * from 424 on they are the same everywhere.
 */
import { endianness } from 'node:os';

type Arch = 'x64' | 'arm64';

/** Name → number on x86-64 and on arm64; null where there is no such call. */
const REFUSED: Readonly<Record<string, readonly [x64: number | null, arm64: number | null]>> = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  process_madvise: [440, 440],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  fanotify_init: [300, 262],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  unshare: [272, 97],
  setns: [308, 268],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  syslog: [103, 116],
  acct: [163, 89],
  swapon: [167, 224],
  swapoff: [168, 225],
  quotactl: [179, 60],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  personality: [135, 92],
  mbind: [237, 235],
  migrate_pages: [256, 238],
  move_pages: [279, 239],
  iopl: [172, null],
  ioperm: [173, null],
  modify_ldt: [154, null],
  uselib: [134, null],
  ustat: [136, null],
  sysfs: [139, null],
};

/** `AUDIT_ARCH_…` of `linux/audit.h`. */
const AUDIT_ARCH: Readonly<Record<Arch, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** Calls of the x32 ABI of an x86-64 kernel have this bit: a second set of numbers for the same calls. */
const X32_BIT = 0x40000000;

/** Offsets in `struct seccomp_data`. */
const DATA = { number: 0, arch: 4 } as const;
const OP = { loadWord: 0x20, jumpIfEqual: 0x15, jumpIfAtLeast: 0x35, return: 0x06 } as const;
const RETURN = { allow: 0x7fff0000, kill: 0x80000000, refuse: 0x00050000 | 1 } as const;

const BYTES = 8;

/** The numbers that are refused on an architecture. */
export function refusedCalls(arch: Arch): number[] {
  return Object.values(REFUSED)
    .map(([x64, arm64]) => (arch === 'x64' ? x64 : arm64))
    .filter((number) => number !== null);
}

/** The filter's program; `undefined` on an architecture whose calls it does not know. */
export function syscallFilter(arch: string = process.arch): Buffer | undefined {
  if (arch !== 'x64' && arch !== 'arm64') return undefined;
  const calls = refusedCalls(arch);
  const guard = arch === 'x64' ? 1 : 0;
  const checks = calls.length + guard;
  // Jumps count the instructions between; the last two are the answers.
  const program: [op: number, ifTrue: number, ifFalse: number, k: number][] = [
    [OP.loadWord, 0, 0, DATA.arch],
    [OP.jumpIfEqual, 1, 0, AUDIT_ARCH[arch]],
    [OP.return, 0, 0, RETURN.kill],
    [OP.loadWord, 0, 0, DATA.number],
    ...(guard ? [[OP.jumpIfAtLeast, checks, 0, X32_BIT] as [number, number, number, number]] : []),
    ...calls.map(
      (call, index) => [OP.jumpIfEqual, checks - guard - index, 0, call] as [number, number, number, number],
    ),
    [OP.return, 0, 0, RETURN.allow],
    [OP.return, 0, 0, RETURN.refuse],
  ];
  const bytes = Buffer.alloc(program.length * BYTES);
  const little = endianness() === 'LE';
  program.forEach(([op, ifTrue, ifFalse, k], index) => {
    const at = index * BYTES;
    if (little) bytes.writeUInt16LE(op, at);
    else bytes.writeUInt16BE(op, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    if (little) bytes.writeUInt32LE(k, at + 4);
    else bytes.writeUInt32BE(k, at + 4);
  });
  return bytes;
}
