/**
 * HalfSipHash-1-3 (Aumasson and Bernstein) over the UTF-16 units of a text: 64 bits under a 64-bit
 * key. Whoever does not know the key cannot choose texts that fall into one bucket.
 */
export interface KeyedHash {
  /** Hashes `text`; the result stays in `low` and `high` until the next call. */
  digest(text: string): void;
  /** First 32 bits of the last digest, signed. */
  low(): number;
  /** Last 32 bits of the last digest, signed. */
  high(): number;
}

/** Rounds after the last word, three for each half of the result. */
const FINAL_ROUNDS = 3;

/** `key`: two 32-bit words, random per process. */
export function createKeyedHash(key: readonly [number, number]): KeyedHash {
  const [k0, k1] = key;
  let low = 0;
  let high = 0;

  return {
    digest(text) {
      let v0 = k0;
      let v1 = k1 ^ 0xee;
      let v2 = 0x6c796765 ^ k0;
      let v3 = 0x74656462 ^ k1;
      // The last word carries the length, so that no text is a prefix of another one.
      const { length } = text;
      const words = (length >> 1) + 1;
      // One loop for words and final rounds: the round stands here once, on local variables.
      for (let round = 0; round < words + 2 * FINAL_ROUNDS; round++) {
        let word = 0;
        if (round < words - 1) {
          word = text.charCodeAt(2 * round) | (text.charCodeAt(2 * round + 1) << 16);
        } else if (round === words - 1) {
          word = (length << 16) | ((length & 1) === 1 ? text.charCodeAt(length - 1) : 0);
        } else if (round === words) {
          v2 ^= 0xee;
        } else if (round === words + FINAL_ROUNDS) {
          low = v1 ^ v3;
          v1 ^= 0xdd;
        }
        v3 ^= word;
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
        v0 ^= word;
      }
      high = v1 ^ v3;
    },
    low: () => low,
    high: () => high,
  };
}
