import { createPalette, wantsColor, type Palette } from './colors.js';
import { maskKeys } from '../credentials/mask.js';

/** A stream that text goes to; a terminal also tells how wide it is. */
export interface TextStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

export interface OutputOptions {
  stdout: TextStream;
  stderr: TextStream;
  env: NodeJS.ProcessEnv;
  json: boolean;
  color: boolean;
}

/**
 * Where a command writes. Standard output carries what was asked for, standard error everything said on the way.
 * With `--json` standard output carries exactly one JSON document (or one a line, of a command that watches) and {@link Output.line} is silent. No secret that this
 * process knows of leaves it: every text is masked on its way out.
 */
export class Output {
  readonly json: boolean;
  /** Columns that fit; `Infinity` into a pipe, so that nothing is cut there. `COLUMNS` overrides. */
  readonly width: number;
  /** Somebody is looking at standard error, so a moving line is welcome. */
  readonly interactive: boolean;
  /** Standard output, when it is a terminal whose lines can be redrawn and is there for a person. */
  readonly screen: TextStream | undefined;
  readonly colors: Palette;
  readonly noteColors: Palette;
  readonly #stdout: TextStream;
  readonly #stderr: TextStream;

  constructor({ stdout, stderr, env, json, color }: OutputOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.json = json;
    this.width = widthOf(stdout, env);
    this.interactive = Boolean(stderr.isTTY) && env['TERM'] !== 'dumb' && !env['CI'];
    this.screen =
      stdout.isTTY && !json && env['TERM'] !== 'dumb' && !env['CI'] ? maskedScreen(stdout) : undefined;
    this.colors = createPalette(wantsColor(env, Boolean(stdout.isTTY), color));
    this.noteColors = createPalette(wantsColor(env, Boolean(stderr.isTTY), color));
  }

  /** One line (or several) for a person, on standard output. */
  line(text = ''): void {
    if (!this.json) this.#stdout.write(`${maskKeys(text)}\n`);
  }

  /** The command's result as JSON, with `--json`; otherwise nothing. Call it once. */
  result(value: unknown): void {
    if (!this.json) return;
    this.#stdout.write(`${masked(value, 2)}\n`);
  }

  /** One of many documents, each on a line of its own, with `--json`; otherwise nothing. In place of {@link result}. */
  row(value: unknown): void {
    if (this.json) this.#stdout.write(`${masked(value)}\n`);
  }

  /** A line on standard error: progress, advice, what a machine reading the output should not see. */
  note(text: string): void {
    this.#stderr.write(`${maskKeys(text)}\n`);
  }

  warn(text: string): void {
    this.note(`${this.noteColors.warn('warning:')} ${text}`);
  }

  /** Rewrites the moving line of a progress display; only when {@link interactive}. */
  redraw(text: string): void {
    this.#stderr.write(`\r\u001b[2K${maskKeys(text)}`);
  }
}

function masked(value: unknown, indent?: number): string {
  const mask = (_key: string, part: unknown): unknown => (typeof part === 'string' ? maskKeys(part) : part);
  return JSON.stringify(value, mask, indent);
}

function maskedScreen(stream: TextStream): TextStream {
  return {
    write: (text) => stream.write(maskKeys(text)),
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
  };
}

function widthOf(stream: TextStream, env: NodeJS.ProcessEnv): number {
  const forced = Number(env['COLUMNS']);
  if (Number.isInteger(forced) && forced > 0) return forced;
  return stream.isTTY ? (stream.columns ?? 80) : Infinity;
}
