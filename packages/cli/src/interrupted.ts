/** Ctrl-C before anything was done: the command ends with 130 and one line that says so. */
export class Interrupted extends Error {
  constructor() {
    super('Cancelled; nothing was written.');
    this.name = 'Interrupted';
  }
}
