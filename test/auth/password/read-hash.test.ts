import assert from "node:assert/strict";
import { pbkdf2Sync, randomBytes, scryptSync } from "node:crypto";
import { test } from "node:test";
import bcrypt from "bcryptjs";
import fc from "fast-check";
import { matchesOne, verifyPassword } from "../../../src/auth/password/hash.ts";
import { canonicalHash, readHash } from "../../../src/auth/password/read-hash.ts";
import { testSeed, testSize } from "../../support/size.ts";

// Made by others: the test suites of passlib, Django, jBCrypt and the Argon2 reference.
const VECTORS: readonly (readonly [maker: string, password: string, hash: string])[] = [
  [
    "passlib pbkdf2_sha256",
    "password",
    "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
  ],
  [
    "passlib pbkdf2_sha512",
    "password",
    "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww",
  ],
  [
    "passlib scrypt",
    "password",
    "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
  ],
  [
    "Django pbkdf2_sha256",
    "lètmein",
    "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=",
  ],
  ["Django pbkdf2_sha1", "lètmein", "pbkdf2_sha1$10000$seasalt$oAfF6vgs95ncksAhGXOWf4Okq7o="],
  [
    "Django scrypt",
    "lètmein",
    "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
  ],
  ["jBCrypt", "abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"],
  ["jBCrypt", "a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"],
  [
    "Argon2 reference",
    "password",
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
  ],
  [
    "RFC 7914",
    "password",
    // N = 1024, r = 8, p = 16, salt "NaCl".
    `$scrypt$ln=10,r=8,p=16$TmFDbA$${Buffer.from(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
      "hex",
    )
      .toString("base64")
      .replace(/=+$/, "")}`,
  ],
];

for (const [maker, password, hash] of VECTORS) {
  test(`a hash of ${maker} is checked, and made anew when it was right: ${hash.slice(0, 22)}`, () => {
    assert.deepEqual(verifyPassword(password, hash, "argon2id"), { ok: true, rehash: true });
    assert.deepEqual(verifyPassword(`${password}x`, hash, "argon2id"), {
      ok: false,
      rehash: false,
    });
    assert.equal(matchesOne(password, ["nonsense", hash]), true);
  });
}

test("hashes that this program's own libraries made of any text are checked", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, (password) => {
      const salt = randomBytes(12);
      const b64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
      const key = pbkdf2Sync(password, salt, 3, 64, "sha512");
      const made = [
        bcrypt.hashSync(password, 4),
        `$pbkdf2-sha512$3$${b64(salt).replaceAll("+", ".")}$${b64(key).replaceAll("+", ".")}`,
        `$scrypt$ln=4,r=8,p=1$${b64(salt)}$${b64(scryptSync(password, salt, 32, { N: 16 }))}`,
      ];
      for (const hash of made) {
        assert.ok(verifyPassword(password, hash, "argon2id").ok, hash);
        assert.ok(!verifyPassword(`${password}.`, hash, "argon2id").ok, hash);
      }
    }),
    { seed: testSeed(), numRuns: testSize(20, 500) },
  );
});

test("a text that was hashed as it was typed, in another normal form, is still right", () => {
  const typed = "cafe\u0301 com leite";
  const hash = bcrypt.hashSync(typed, 4);
  assert.equal(verifyPassword(typed, hash, "argon2id").ok, true);
  assert.equal(verifyPassword("cafe com leite", hash, "argon2id").ok, false);
});

test("what Django puts in front is taken away", () => {
  const [, , argon] = VECTORS.find(([maker]) => maker === "Argon2 reference")!;
  assert.equal(canonicalHash(`argon2${argon}`), argon);
  const made = bcrypt.hashSync("x", 4);
  assert.equal(canonicalHash(`bcrypt$${made}`), made);
  assert.equal(canonicalHash(made), made);
});

const faultOf = (text: string) => {
  const read = readHash(text);
  return "fault" in read ? read.fault : undefined;
};
const KEY = "A".repeat(43);

test("a hash whose check would keep a thread for long is refused, and never checked", () => {
  const costly = [
    `$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAA$${KEY}`,
    `$argon2id$v=19$m=131072,t=99999,p=1$AAAAAAAAAAAAAAAA$${KEY}`,
    `$argon2id$v=19$m=65536,t=3,p=9999$AAAAAAAAAAAAAAAA$${KEY}`,
    `$2b$31$${".".repeat(53)}`,
    `$2b$15$${".".repeat(53)}`,
    `$scrypt$ln=30,r=8,p=1$AAAA$${KEY}`,
    `$scrypt$ln=999,r=8,p=1$AAAA$${KEY}`,
    `$scrypt$ln=14,r=8,p=99999$AAAA$${KEY}`,
    `$scrypt$ln=1,r=99999,p=1$AAAA$${KEY}`,
    `scrypt$1073741824$salt$8$1$${KEY}=`,
    `$pbkdf2-sha256$9999999999$AAAA$${KEY}`,
    `$pbkdf2$2000000$AAAA$${"A".repeat(80)}`,
    `pbkdf2_sha256$2000001$salt$${KEY}=`,
  ];
  const begun = process.cpuUsage();
  for (const hash of costly) {
    assert.equal(faultOf(hash), "the hash costs more than a login may", hash);
    assert.deepEqual(verifyPassword("x", hash, "argon2id"), { ok: false, rehash: false });
  }
  const { user, system } = process.cpuUsage(begun);
  assert.ok(user + system < costly.length * 1_000_000);
});

test("what is no hash, or a damaged one, is told apart and never right", () => {
  for (const text of [
    "",
    "x",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "$1$abc$def",
    `$argon2i$v=19$m=16,t=2,p=1$AAAA$${KEY}`,
    `bcrypt_sha256$$2b$12$${".".repeat(53)}`,
    `$pbkdf2-md5$1000$AAAA$${KEY}`,
    "$".repeat(600),
  ]) {
    assert.equal(faultOf(text), "the form of the hash is not known", text);
    assert.equal(verifyPassword("x", text, "argon2id").ok, false);
  }
  for (const text of [
    `$2b$03$${".".repeat(53)}`,
    "$argon2id$v=19$m=16,t=2,p=1$AAAA$AAAA",
    `$argon2id$v=19$m=1,t=1,p=1$AAAA$${KEY}`,
    `$pbkdf2-sha256$0$AAAA$${KEY}`,
    "$pbkdf2-sha256$1000$AAAA$AA",
    `scrypt$1000$salt$8$1$${KEY}=`,
    `$scrypt$ln=0,r=8,p=1$AAAA$${KEY}`,
  ]) {
    assert.equal(faultOf(text), "the hash is damaged", text);
  }
});

test("no text makes the reader fail or wait", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 600 }), (text) => {
      for (const prefix of ["", "$argon2id$v=19$", "$scrypt$ln=", "pbkdf2_sha256$", "$2b$"]) {
        assert.equal(faultOf(prefix + text) === undefined, false);
      }
    }),
    { seed: testSeed(), numRuns: testSize(200, 5_000) },
  );
});
