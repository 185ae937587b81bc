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

/** `key`: two 32-bit words, random per process. */
export function createKeyedHash(key: readonly [number, number]): KeyedHash {
  const [k0, k1] = key;
  let v0 = 0;
  let v1 = 0;
  let v2 = 0;
  let v3 = 0;
  let low = 0;
  let high = 0;

  function round(): void {
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
  }

  function absorb(word: number): void {
    v3 ^= word;
    round();
    v0 ^= word;
  }

  return {
    digest(text) {
      v0 = k0;
      v1 = k1 ^ 0xee;
      v2 = 0x6c796765 ^ k0;
      v3 = 0x74656462 ^ k1;
      const { length } = text;
      const even = length & ~1;
      for (let index = 0; index < even; index += 2) {
        absorb(text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16));
      }
      // The last word carries the length, so that no text is a prefix of another one.
      absorb((length << 16) | (even < length ? text.charCodeAt(even) : 0));
      v2 ^= 0xee;
      for (let rounds = 0; rounds < 3; rounds++) round();
      low = v1 ^ v3;
      v1 ^= 0xdd;
      for (let rounds = 0; rounds < 3; rounds++) round();
      high = v1 ^ v3;
    },
    low: () => low,
    high: () => high,
  };
}
