import {
  APICallError,
  InvalidResponseDataError,
  JSONParseError,
  TypeValidationError,
} from '@ai-sdk/provider';
import { z } from 'zod';
import { EngineError } from './engine.js';
import { askedToWaitMs, type Failure } from './retry.js';
import { quoted, type Discretion } from './words.js';

/** What is known of the try that has failed. */
export interface FailedTry extends Discretion {
  /** Whom an operator would look at: the server's host, or the provider's name. */
  server: string;
  /** Whether the server had said anything of its answer. */
  hasBegun: boolean;
  /** Epoch milliseconds. */
  now: number;
}

/** The connection was never there: nothing can have been worked on. */
const UNREACHED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const TRANSIENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
]);

/**
 * Why a try has failed, and whether another one may do better.
 *
 * An answer that has begun may have been paid for, and the caller may have shown its first words: it is not asked for
 * again. A try that ended before, by an error of the server's or a cut connection, is: providers charge for answers. It
 * is not counted when a later try succeeds; when none does, it is not called refused, so the caller counts it.
 */
export function failureOf(error: unknown, about: FailedTry): Failure {
  const chain = causesOf(error);
  const own = chain.find((one) => one instanceof EngineError);
  if (own) return { error: own, isTransient: false };
  const { server, hasBegun } = about;
  const answered = chain.find((one): one is APICallError => APICallError.isInstance(one) && isNo(one));
  if (answered) return refusalOf(answered, about);
  const code = chain.map((one) => (one as NodeJS.ErrnoException).code).find((one) => typeof one === 'string');
  if (hasBegun && (code !== undefined || !isAboutData(error)))
    return final(`The model's server at ${server} broke its answer off half-way${ofCode(code)}.`);
  if (code !== undefined) {
    const isUnreached = UNREACHED.has(code);
    const message = isUnreached
      ? `The model's server at ${server} could not be reached (${code}): check the baseURL, and whether it runs.`
      : `The connection to the model's server at ${server} broke before it answered (${code}).`;
    return { error: new EngineError(message, isUnreached), isTransient: TRANSIENT.has(code) };
  }
  if (InvalidResponseDataError.isInstance(error) && !hasBegun)
    return final(`What the model's server at ${server} answered is no stream of a chat completion.`);
  if (InvalidResponseDataError.isInstance(error))
    return final(`The model's server at ${server} ended its answer before it was finished.`);
  if (isAboutData(error))
    return final(
      `A part of the answer of the model's server at ${server} is not what a chat completion has.`,
    );
  const said = quoted(messageOf(error), about);
  return final(`The model's server at ${server} has not answered${said && `: ${said}`}.`);
}

const final = (message: string): Failure => ({ error: new EngineError(message), isTransient: false });
const ofCode = (code: string | undefined): string => (code === undefined ? '' : ` (${code})`);
const isNo = ({ statusCode = 0 }: APICallError): boolean => statusCode >= 300;

function isAboutData(error: unknown): boolean {
  return (
    JSONParseError.isInstance(error) ||
    TypeValidationError.isInstance(error) ||
    InvalidResponseDataError.isInstance(error)
  );
}

/** Answers that are no: all of the four hundreds say that the call was not worked on. */
function refusalOf(error: APICallError, about: FailedTry): Failure {
  const { statusCode = 0, responseHeaders = {}, responseBody = '' } = error;
  const said = quoted(saidBy(responseBody), about);
  const message = `The model's server at ${about.server} answered ${statusCode}${said && ` (${said})`}: ${remedyOf(statusCode)}.`;
  return {
    error: new EngineError(message, statusCode < 500),
    isTransient: statusCode >= 500 || statusCode === 429 || statusCode === 408,
    retryAfterMs: askedToWaitMs(responseHeaders, about.now),
  };
}

function remedyOf(status: number): string {
  if (status < 400) return 'give the engine the address that it leads to as its baseURL';
  if (status === 401 || status === 403) return 'give the engine an apiKey that the server accepts';
  if (status === 404) return 'check the baseURL and the name of the model';
  if (status === 413) return 'the conversation is too long for it';
  if (status === 429) return 'try again later, or ask the provider for a higher limit';
  if (status >= 500 || status === 408) return 'try again later';
  return "check the name of the model, and the engine's body";
}

const bodySchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.object({ error: z.string() }).transform(({ error }) => error),
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
]);

/** What a server says in one of the usual forms of an error; a page of HTML says nothing. */
function saidBy(body: string): string {
  try {
    const parsed = bodySchema.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data : '';
  } catch {
    return body.trimStart().startsWith('<') ? '' : body;
  }
}

const MOST_CAUSES = 8;

/** An error and what has caused it, outermost first. */
function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let one = error; one instanceof Error && chain.length < MOST_CAUSES; one = one.cause) chain.push(one);
  return chain;
}

/** Of an error, or of what a server puts into its stream instead of a part. */
function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  const parsed = z.object({ message: z.string() }).safeParse(error);
  return parsed.success ? parsed.data.message : '';
}
