/** What a log line says of a failure. */
export interface LoggedError {
  type: string;
  message: string;
  code?: string | number;
  /** Frames only: a stack as V8 gives it begins with the message. */
  stack: string;
  cause?: LoggedError;
}

const CAUSES_MAX = 5;

/**
 * A failure as it may be logged: what went wrong and where, never the values it happened with. Other properties of an
 * error stay out (`data` is a whole execution, a driver's `detail` a whole row), and so do the parameters of a failed
 * statement, which drizzle writes into the message.
 */
export function errorForLog(error: unknown, causes = CAUSES_MAX): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error', stack: '' };
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    message: 'query' in error ? `Failed query: ${String(error.query)}` : error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: (error.stack ?? '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .join('\n'),
    ...(error.cause === undefined || causes === 0 ? {} : { cause: errorForLog(error.cause, causes - 1) }),
  };
}
