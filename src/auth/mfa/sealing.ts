/** What a sealed TOTP secret is bound to: it opens for this account and for no other. */
export function totpContext(accountId: string): string {
  return `totp ${accountId}`;
}
