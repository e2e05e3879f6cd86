import { hkdfSync } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';

/**
 * Job: the token that stands for one running execution, signed by the supervisor and verified by the server.
 *
 * Boundary: both derive the key from the runner token, which they share already; nothing else is exchanged. What the
 * token says is only what the supervisor vouches for: whether the execution is still open, the server's rows say.
 *
 * Invariants
 * 1. The runner token cannot be had from a runtime token: the signing key is derived from it, one way.
 * 2. Only HS256 under that key, for {@link AUDIENCE}, unexpired, is ever verified; `alg: none` is not.
 */
export interface RuntimeClaims {
  executionId: string;
  tenantId: string;
  /** The workflow version whose worker asked. */
  workflowId: string;
  /** Actions that its manifest declares. */
  actions: readonly string[];
}

export interface RuntimeTokens {
  /** Makes a token that expires after `seconds`. */
  sign(claims: RuntimeClaims, seconds: number, now?: Date): Promise<string>;
  /** What a valid token says; `undefined` for any other text. */
  verify(token: string, now?: Date): Promise<RuntimeClaims | undefined>;
}

const ISSUER = 'pegasus-supervisor';
const AUDIENCE = 'pegasus-runtime';
const KEY_INFO = 'pegasus runtime token v1';
const KEY_BYTES = 32;

const payloadSchema = z.object({
  sub: z.uuid(),
  tenant: z.uuid(),
  workflow: z.uuid(),
  actions: z.array(z.string()),
});

/** The tokens of everybody who holds this runner token. */
export function runtimeTokens(runnerToken: string): RuntimeTokens {
  const key = new Uint8Array(hkdfSync('sha256', runnerToken, '', KEY_INFO, KEY_BYTES));
  return {
    sign: ({ executionId, tenantId, workflowId, actions }, seconds, now = new Date()) => {
      const issuedAt = Math.floor(now.getTime() / 1_000);
      return new SignJWT({ tenant: tenantId, workflow: workflowId, actions: [...actions] })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(executionId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + seconds)
        .sign(key);
    },
    verify: async (token, now = new Date()) => {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['HS256'],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ['exp', 'sub'],
          currentDate: now,
        });
        const parsed = payloadSchema.safeParse(payload);
        if (!parsed.success) return undefined;
        const { sub, tenant, workflow, actions } = parsed.data;
        return { executionId: sub, tenantId: tenant, workflowId: workflow, actions };
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  };
}
