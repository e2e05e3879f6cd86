/** How much of something is under way of each key. What nothing is under way of is not remembered. */
export class KeyedCount {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  begin(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  /** One end more than there were beginnings changes nothing. */
  end(key: string): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }

  /** The keys of which something is under way. */
  get keys(): string[] {
    return [...this.#counts.keys()];
  }
}
