/**
 * What went wrong is business data too: the gateway moves message and stack trace of every failure that a worker
 * reports into an encrypted payload before Temporal stores it, whatever converter the artifact was built with. The form
 * is the one of Temporal's SDKs (`encodeCommonAttributes`), so every SDK reads it back.
 */
import proto, { type temporal } from '@temporalio/proto';

type Failure = temporal.api.failure.v1.IFailure;
type Payload = temporal.api.common.v1.IPayload;
type ProtocolMessage = temporal.api.protocol.v1.IMessage;

/** Encrypts one payload with the tenant's key. */
export type Seal = (payload: Payload) => Payload;

const { update } = proto.temporal.api;
const TYPE_URL = 'type.googleapis.com/temporal.api.update.v1.';
/** What Temporal's SDKs put in the place of the message. */
const PLACEHOLDER = 'Encoded failure';
const JSON_PLAIN = { encoding: Buffer.from('json/plain') };

/** Seals a failure and its causes, in place. One that its worker encoded already is left as it is. */
export function sealFailure(failure: Failure | null | undefined, seal: Seal): void {
  for (let at = failure; at; at = at.cause) {
    if (at.encodedAttributes || (!at.message && !at.stackTrace)) continue;
    const common = { message: at.message ?? '', stack_trace: at.stackTrace ?? '' };
    at.encodedAttributes = seal({ metadata: JSON_PLAIN, data: Buffer.from(JSON.stringify(common)) });
    at.message = PLACEHOLDER;
    at.stackTrace = '';
  }
}

/** Seals the failure with which an update was rejected or has ended, in place. */
export function sealUpdate(message: ProtocolMessage, seal: Seal): void {
  const { body } = message;
  if (!body?.value) return;
  if (body.type_url === `${TYPE_URL}Rejection`) {
    const rejection = update.v1.Rejection.decode(body.value);
    sealFailure(rejection.failure, seal);
    body.value = update.v1.Rejection.encode(rejection).finish();
  } else if (body.type_url === `${TYPE_URL}Response`) {
    const response = update.v1.Response.decode(body.value);
    if (!response.outcome?.failure) return;
    sealFailure(response.outcome.failure, seal);
    body.value = update.v1.Response.encode(response).finish();
  }
}
