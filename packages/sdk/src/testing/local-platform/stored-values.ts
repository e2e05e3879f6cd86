import {
  DEFAULT_GROUP,
  PegasusError,
  storedKeySchema,
  storedValueQuerySchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { localRoute, type LocalRoute } from './router.js';

/** A secret or a configuration value that a test sets; `group` is `global` unless said. */
export interface LocalValue {
  key: string;
  group?: string | undefined;
  value: string;
}
/** `{KEY: 'value'}` in the group `global`, or a list where groups matter. */
export type LocalValues = Readonly<Record<string, string>> | readonly LocalValue[];

const BASE = '/api/v1/workflow-secrets-configs/runtime';
const params = z.object({ key: storedKeySchema });

/** Reading secrets and configuration. */
export function storedValueRoutes(secrets: LocalValues, configs: LocalValues): LocalRoute[] {
  const kinds = [
    { name: 'secret', values: secrets, path: 'secrets', action: 'ReadWorkflowSecret' },
    { name: 'configuration', values: configs, path: 'configs', action: 'ReadWorkflowConfig' },
  ] as const;
  return kinds.map(({ name, values, path, action }) => {
    const set = listed(values);
    return localRoute({
      method: 'GET',
      path: `${BASE}/${path}/:key`,
      action,
      params,
      query: storedValueQuerySchema,
      plan: ({ params: { key }, query: { group } }) => {
        const found = set.find((one) => one.key === key && one.group === group);
        if (found) return { status: 200, data: { value: found.value } };
        throw new PegasusError('NOT_FOUND', `There is no ${name} ${group}/${key}; set it first.`);
      },
    });
  });
}

function listed(values: LocalValues): Required<LocalValue>[] {
  const isList = (given: LocalValues): given is readonly LocalValue[] => Array.isArray(given);
  const list: readonly LocalValue[] = isList(values)
    ? values
    : Object.entries(values).map(([key, value]) => ({ key, value }));
  return list.map(({ key, group = DEFAULT_GROUP, value }) => ({ key, group, value }));
}
