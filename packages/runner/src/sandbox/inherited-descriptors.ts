import { closeSync, readdirSync, readFileSync } from 'node:fs';

const STANDARD = 2;
/** `O_CLOEXEC`, as `/proc` prints flags: the same number on x86-64 and arm64. */
const CLOSE_ON_EXEC = 0o2000000;
const FOLDER = '/proc/self/fdinfo';

/**
 * Closes what whoever started this process left open in it, beyond input, output and error: every worker would inherit
 * it, and bubblewrap hands it on into the sandbox. Node marks only the first of them to be closed, up to the first gap above
 * the fifteenth; all that Node opens itself is marked. Where there is no `/proc`, nothing is closed.
 *
 * @returns the numbers of the closed descriptors
 */
export function closeInheritedDescriptors(): number[] {
  return openDescriptors().filter((fd) => {
    if (fd <= STANDARD || !passesOn(fd)) return false;
    closeSync(fd);
    return true;
  });
}

function openDescriptors(): number[] {
  try {
    return readdirSync(FOLDER).map(Number);
  } catch {
    return [];
  }
}

/** Whether a program that this process runs would have it too. */
function passesOn(fd: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`${FOLDER}/${fd}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // That of the listing itself.
    return false;
  }
}
