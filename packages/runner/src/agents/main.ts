/**
 * The agent host's main file: works on durable dispatches in the folders that its file names. The server's or
 * Temporal's absence ends no dispatch; its own end leaves them to its successor.
 */
import { fileURLToPath } from 'node:url';
import { PolicyFetcher } from '@pegasus-workflows/agents';
import { createLogger, exitWhenParentDies, onShutdown, runMain } from '@pegasus-workflows/kit';
import { openShell } from '../sandbox/shell.js';
import { ServerClient } from '../supervisor/server-client.js';
import { readHostFile } from './config-file.js';
import { AgentHost, hostedOf } from './host.js';
import { modelsOf } from './models.js';
import { installHostRuntime } from './runtime.js';
import { parseHostSettings } from './settings.js';

const SHUTDOWN_MS = 18_000;
/** A workspace that cannot be had now holds up no start. */
const READY_MS = 20_000;

const logger = createLogger('agents');

runMain(logger, async () => {
  const settings = parseHostSettings();
  installHostRuntime(logger);
  const file = await readHostFile(settings.file);
  const { sandbox: mode, egress } = settings;
  const shell = await openShell({ mode, egress, logger });
  const models = await modelsOf(file.models, process.env, shell);
  const host = new AgentHost({
    settings,
    hosted: hostedOf(file, settings.tenantId),
    models,
    ports: { shell, fetcher: new PolicyFetcher(egress) },
    server: new ServerClient(settings.serverUrl, settings.token),
    workflowBundle: { codePath: fileURLToPath(new URL('../start/dispatch-workflow.js', import.meta.url)) },
    logger,
  });
  const shutdown = onShutdown(
    logger,
    async () => {
      await host.stop();
      await models.close();
      await shell.close();
    },
    SHUTDOWN_MS,
  );
  exitWhenParentDies(shutdown);
  host.start();
  for (const { path } of await host.ready(READY_MS))
    logger.warn({ path }, 'a folder is not worked on yet; it is tried again');
  process.send?.({ type: 'ready', pid: process.pid });
  logger.info({ workspaces: file.workspaces.length, remotes: file.remotes.length }, 'agent host ready');
});
