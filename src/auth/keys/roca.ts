/**
 * CVE-2017-15361: a family of chips made RSA primes of the form k·M + (65537^a mod M), M a product
 * of small primes. Then the modulus is a power of 65537 modulo each of those primes, which for a
 * sound key happens with a probability below 2^-27.
 */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

const subgroups = PRIMES.map((prime) => {
  const powers = new Set<bigint>();
  const base = 65_537n % BigInt(prime);
  for (let power = 1n; !powers.has(power); power = (power * base) % BigInt(prime)) {
    powers.add(power);
  }
  return { prime: BigInt(prime), powers };
});

/** True if the modulus has the fingerprint of those keys: it can be factored. */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return subgroups.every(({ prime, powers }) => powers.has(modulus % prime));
}
