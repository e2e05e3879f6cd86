import { ApplicationFailure, matchInput, type WorkflowInput } from 'pegasus-workflows-sdk/workflow';

/** What is to be approved, by whom, and how long each may take. */
export interface Request {
  item: string;
  /** In the currency's minor unit, such as cents. */
  amount: number;
  requester: string;
  approver: string;
  /** Who is asked when the approver does not answer. */
  manager: string;
  /** In seconds. */
  waits: Waits;
}

export interface Waits {
  betweenReminders: number;
  untilEscalation: number;
  /** Counted from the start; nobody can decide after it. */
  untilDeadline: number;
}

const DAY = 24 * 3600;
const WAITS: Waits = { betweenReminders: DAY, untilEscalation: 3 * DAY, untilDeadline: 7 * DAY };
/** A test run is watched: it may not take a week. */
const TEST_WAITS: Waits = { betweenReminders: 1, untilEscalation: 2, untilDeadline: 4 };

/**
 * The request inside the workflow's argument.
 *
 * @throws ApplicationFailure, not retryable, of type `InvalidRequest`, naming the fields
 */
export function readRequest(argument: WorkflowInput): Request {
  return matchInput(argument, {
    manual: ({ input }) => checked(input ?? {}),
    event: ({ payload }) => checked(payload),
    test: (item) => ({
      item,
      amount: 4_900,
      requester: 'requester@example.com',
      approver: 'approver@example.com',
      manager: 'manager@example.com',
      waits: TEST_WAITS,
    }),
  });
}

function checked(input: Record<string, unknown>): Request {
  const wrong: string[] = [];
  const text = (field: string): string => {
    const value = input[field];
    if (typeof value === 'string' && value !== '') return value;
    wrong.push(field);
    return '';
  };
  const amount = Number(input['amount']);
  if (!Number.isInteger(amount) || amount <= 0) wrong.push('amount');
  const request: Request = {
    item: text('item'),
    amount,
    requester: text('requester'),
    approver: text('approver'),
    manager: text('manager'),
    waits: WAITS,
  };
  if (wrong.length === 0) return request;
  throw ApplicationFailure.nonRetryable(
    `the request is missing or wrong in: ${wrong.join(', ')}`,
    'InvalidRequest',
  );
}
