import { type Logger } from '@pegasus-workflows/kit';
import { type Capability } from '../infra/capability.js';
import { type Services } from '../infra/context.js';
import { errorForLog } from '../infra/error-log.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { Rewrap } from './rewrap.js';
import { mountStoredValues } from './routes.js';
import { StoredValues } from './service.js';

/** How often the master keys' file is looked at. */
const LOOK_MS = 2_000;
/** Rounds of re-wrapping without a change of the key set: what another server left, or sealed with its older set. */
const REWRAP_EVERY_MS = 60_000;

/** Secrets, configuration, and the change of master keys while serving. */
export function secretsCapability(services: Services): Capability {
  const logger = services.logger.child({ area: 'secrets' });
  const rewrap = new Rewrap({ ...services, logger });
  const values = new StoredValues(services);
  return {
    mount: (app) => mountStoredValues(app, values, rewrap),
    start: () => followMasterKeys(services, rewrap, logger),
  };
}

/** SIGHUP looks at the file at once. */
function followMasterKeys({ vault, settings }: Services, rewrap: Rewrap, logger: Logger): Stoppable {
  const takeOver = async (): Promise<boolean> => {
    const changed = await vault.refresh();
    if (changed) logger.info({ currentKeyId: vault.currentKeyId, keyIds: vault.keyIds }, 'master keys read');
    return changed;
  };
  let nextRound = 0;
  const job = periodic(
    'master keys',
    LOOK_MS,
    async (signal) => {
      const before = nextRound === 0 ? undefined : vault.currentKeyId;
      await takeOver();
      if (vault.currentKeyId === before && Date.now() < nextRound) return;
      await rewrap.round(signal);
      nextRound = Date.now() + REWRAP_EVERY_MS;
    },
    logger,
  );
  const onHangup = (): void => {
    nextRound = Math.min(nextRound, Date.now());
    takeOver().catch((error: unknown) =>
      logger.warn(
        { error: errorForLog(error) },
        'the master keys could not be read again; the old ones stay',
      ),
    );
  };
  if (settings.masterKeysFile) process.on('SIGHUP', onHangup);
  return {
    stop: async () => {
      process.off('SIGHUP', onHangup);
      await job.stop();
    },
  };
}
