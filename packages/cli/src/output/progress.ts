import { formatDuration } from './format.js';
import { type Output } from './output.js';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
/** Work shorter than this ends before a person has read that it began: no word about it. */
const SILENT_MS = 1000;

/**
 * Runs `work` and shows that it is going on, on standard error: a moving line at a terminal, otherwise one plain line
 * when it takes over a second, one per change of `update`, and one with the time when it has ended.
 */
export async function withProgress<T>(
  out: Output,
  label: string,
  work: (update: (detail: string) => void) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const display = out.interactive ? movingLine(out, label, started) : plainLines(out, label);
  try {
    const value = await work(display.update);
    const elapsed = performance.now() - started;
    display.end(elapsed >= SILENT_MS ? `${label}: ${formatDuration(elapsed)}` : undefined);
    return value;
  } catch (error) {
    display.end(undefined);
    throw error;
  }
}

interface Display {
  update(detail: string): void;
  end(line: string | undefined): void;
}

function movingLine(out: Output, label: string, started: number): Display {
  let detail = '';
  let frame = 0;
  const timer = setInterval(() => {
    const elapsed = performance.now() - started;
    const time = elapsed >= SILENT_MS ? ` ${formatDuration(elapsed)}` : '';
    const text = `${label}${detail && `: ${detail}`}${time}`;
    out.redraw(`${FRAMES[frame++ % FRAMES.length]} ${text.slice(0, Math.min(out.width, 200) - 3)}`);
  }, FRAME_MS);
  return {
    update: (next) => {
      detail = next;
    },
    end: (line) => {
      clearInterval(timer);
      out.redraw('');
      if (line) out.note(out.noteColors.quiet(line));
    },
  };
}

function plainLines(out: Output, label: string): Display {
  let announced = false;
  let detail = '';
  const say = (): void => {
    announced = true;
    out.note(detail ? `${label}: ${detail}` : `${label} …`);
  };
  const timer = setTimeout(say, SILENT_MS);
  return {
    update: (next) => {
      if (next === detail) return;
      detail = next;
      if (announced) say();
    },
    end: (line) => {
      clearTimeout(timer);
      if (line) out.note(line);
    },
  };
}
