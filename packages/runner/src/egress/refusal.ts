import { PegasusError } from '@pegasus-workflows/contracts';

/** Why a worker gets no connection, as it is told. */
export interface Refusal {
  /** HTTP status: 403 where the policy refuses, 400 for nonsense, 502 where the other side does not answer. */
  status: 400 | 403 | 502;
  /** The system's code, such as `ECONNREFUSED`; `EACCES` where the policy refuses. */
  code: string;
  /** One sentence. */
  message: string;
}

const SYSTEM_CODE = /^E[A-Z_]{1,30}$/;

/** An address inside of the operator's network is never in it: names are told, what they resolve to is not. */
export function refusalOf(error: unknown, host: string, port: number): Refusal {
  if (error instanceof PegasusError) {
    const status = error.code === 'EXTERNAL_ADDRESS_REFUSED' ? 403 : 400;
    const hint = error.hint === undefined ? '' : ` ${error.hint}`;
    return { status, code: status === 403 ? 'EACCES' : 'EINVAL', message: `${error.message}${hint}` };
  }
  const found: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const code = typeof found === 'string' && SYSTEM_CODE.test(found) ? found : 'ECONNREFUSED';
  return { status: 502, code, message: `connect ${code} ${host}:${port}` };
}
