const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = BigInt(DIGITS.length);

/** As many digits as fit into an exact number: big integers are divided once for all of them. */
const PART_DIGITS = 8;
const PART = BASE ** BigInt(PART_DIGITS);

/** Bytes, taken as one number, in digits and letters of a fixed width. */
export function toBase62(bytes: Uint8Array, width: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; rest > 0n; rest /= PART) {
    let part = Number(rest % PART);
    for (let digit = 0; digit < PART_DIGITS; digit++) {
      text = DIGITS[part % DIGITS.length]! + text;
      part = Math.floor(part / DIGITS.length);
    }
  }
  return text.replace(/^0+/, "").padStart(width, "0");
}

/** Undefined when it is no number of so many bytes. */
export function fromBase62(text: string, byteCount: number): Buffer | undefined {
  let value = 0n;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    if (digit === -1) return undefined;
    value = value * BASE + BigInt(digit);
  }
  if (value >= 1n << BigInt(8 * byteCount)) return undefined;
  return Buffer.from(value.toString(16).padStart(2 * byteCount, "0"), "hex");
}
