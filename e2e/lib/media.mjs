// A stream with a known pattern, so that both ends can check every byte.
import { createHash } from 'node:crypto';

const BLOCK = Buffer.alloc(64 * 1024);
for (let i = 0; i < BLOCK.length; i += 4) BLOCK.writeUInt32LE((i * 2654435761) >>> 0, i);

/** Chunks that together are `bytes` long. */
export function* pattern(bytes) {
  for (let left = bytes; left > 0; left -= BLOCK.length) yield left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
}

/** The hexadecimal SHA-1 of `pattern(bytes)`. */
export function patternHash(bytes) {
  const hash = createHash('sha1');
  for (const chunk of pattern(bytes)) hash.update(chunk);
  return hash.digest('hex');
}
