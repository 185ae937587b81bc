/** The few lines that go to the terminal and not through the logger. */

/** Says why nothing works, on standard error. */
export function complain(...lines: readonly string[]): void {
  process.stderr.write(`${lines.join("\n")}\n`);
}

/** The login of a fresh development database: shown once, stored nowhere, never logged. */
export function showLogin(email: string, password: string): void {
  process.stdout.write(`login: ${email}  password: ${password}\n`);
}
