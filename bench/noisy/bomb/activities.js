/** Fills its memory until something ends it. */
export async function hoard() {
  const all = [];
  for (;;) {
    all.push(Buffer.alloc(8 * 1024 * 1024, 1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export async function die() {
  process.exit(3);
}
