/** Ctrl-C before the command had done anything: it ends with 130 and one line that says so. */
export class Interrupted extends Error {
  constructor(message = 'Cancelled; nothing was written.') {
    super(message);
    this.name = 'Interrupted';
  }
}
