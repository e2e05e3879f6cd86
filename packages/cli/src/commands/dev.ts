import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { startPlatform, type Platform } from '@pegasus-workflows/platform';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { writeProfile } from '../credentials/files.js';
import { credentialsPathForReading } from '../credentials/location.js';
import { publishOnChange, type PublishOnChange } from '../dev/publish-on-change.js';
import { EXIT } from '../exit-codes.js';
import { Interrupted } from '../interrupted.js';
import { formatDuration } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { findUpward, locateProject } from '../project/locate.js';

export interface DevOptions {
  port?: string;
  dataDir?: string;
  watch: boolean;
  dir?: string;
}

const PROFILE = 'local';

/**
 * Runs the platform until SIGINT or SIGTERM; a second signal ends everything at once.
 * @throws Interrupted when the signal came before it was ready
 */
export async function dev(context: Context, options: DevOptions): Promise<number> {
  const port = readPort(options.port);
  const project = await projectToWatch(context, options);
  const interrupted = onInterrupt(context);
  const started = performance.now();
  const platform = await withProgress(context.out, 'starting the platform', (update) =>
    startPlatform({
      signal: interrupted.signal,
      ...(options.dataDir === undefined ? {} : { dataDir: path.resolve(context.cwd, options.dataDir) }),
      ...(port === undefined ? {} : { port }),
      onProgress: ({ message }) => update(message),
    }),
  );
  let publishing: PublishOnChange | undefined;
  try {
    await announce(context, platform, performance.now() - started);
    if (project) publishing = await publishOnChange(context, clientOf(platform), project);
    await interrupted.promise;
  } finally {
    await publishing?.stop();
    await withProgress(context.out, 'stopping', () => platform.stop());
  }
  return 0;
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new PegasusError('VALIDATION_ERROR', `--port must be a number from 0 to 65535, not "${text}".`, {
    hint: 'Leave it out for 4800 or the next free port; 0 takes any free one.',
  });
}

async function projectToWatch(context: Context, options: DevOptions): Promise<string | undefined> {
  if (!options.watch) return undefined;
  return options.dir === undefined ? findUpward(context.cwd) : locateProject(context, options);
}

async function announce(context: Context, platform: Platform, startedInMs: number): Promise<void> {
  const { out, cwd } = context;
  const { url, tenant, portMoved, temporal } = platform;
  const file = await writeProfile(context, PROFILE, { api_key: tenant.apiKey, api_root: url });
  if (portMoved) out.note(`port ${portMoved.from} is taken; the platform listens on ${portMoved.to}`);
  if (credentialsPathForReading(context) !== file)
    out.warn(`commands in ${cwd} read ${credentialsPathForReading(context)}, not ${file}`);
  out.note(`profile "${PROFILE}" is in ${file}`);
  out.note(`data      ${platform.dataDir}`);
  out.note(`API docs  ${url}/docs`);
  out.note(`Temporal  ${temporal.uiUrl ?? temporal.address}`);
  out.note(out.noteColors.quiet(`started in ${formatDuration(startedInMs)}; Ctrl-C stops it`));
  out.line(`ready ${url}`);
  out.result({ ready: url, dataDir: platform.dataDir, profile: PROFILE, credentialsFile: file });
}

function clientOf({ url, tenant }: Platform): PegasusClient {
  return new PegasusClient({ baseUrl: url, token: tenant.apiKey, userAgent: 'pegasus-workflows-cli' });
}

/**
 * The first SIGINT or SIGTERM: it aborts a start that is under way, and settles the promise. The second one ends this
 * process, and with it all that hangs on it.
 */
function onInterrupt({ out }: Context): { promise: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController();
  const promise = new Promise<void>((resolve) => {
    const onSignal = (): void => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      out.note('stopping; once more to force');
      controller.abort(new Interrupted('Stopped before the platform was ready; nothing is left running.'));
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
  return { promise, signal: controller.signal };
}
