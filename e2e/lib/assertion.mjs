// Verifies the identity assertion as a Campaign extension would: with the published key and node's own cryptography.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';

/** Verifies a compact ES256 JWT against a JWK set (RFC 7515, RFC 7517) and returns its claims. */
export function verifyAssertion(token, jwks) {
  const [head, payload, signature, ...rest] = token.split('.');
  assert.equal(rest.length, 0, 'a compact JWT has three parts');
  const header = decode(head);
  assert.equal(header.alg, 'ES256');
  const key = jwks.keys.find((candidate) => candidate.kid === header.kid);
  assert.ok(key, `no key ${header.kid} in the published set`);
  assert.deepEqual([key.kty, key.crv, key.d], ['EC', 'P-256', undefined], 'a public P-256 key');
  const genuine = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  assert.ok(genuine, 'the signature is good');
  return decode(payload);
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
