import type { Config } from "../../platform/config.ts";

export type LinkSettings = Pick<Config, "publicUrl" | "mailLinkBase">;

/** Pages that mails lead to: the path of ours, and the one below `MAIL_LINK_BASE`. */
const PAGES = Object.freeze({
  verifyEmail: ["/auth/email/verify", "/verify-email"],
  changeEmail: ["/auth/email/change", "/change-email"],
  resetPassword: ["/auth/password/reset", "/reset-password"],
  unlockAccount: ["/auth/unlock", "/unlock-account"],
  acceptInvitation: ["/auth/invitation", "/accept-invitation"],
} as const);

/**
 * Where a mail leads: a page that does nothing until somebody presses its button, so that a
 * scanner that opens every link uses nothing up. The token stands behind the `#`, which no browser
 * sends: it comes into no log and no `Referer`.
 */
export function linkTo(
  page: keyof typeof PAGES,
  token: string,
  { publicUrl, mailLinkBase }: LinkSettings,
): string {
  const [own, theirs] = PAGES[page];
  const address = mailLinkBase === undefined ? `${publicUrl}${own}` : `${mailLinkBase}${theirs}`;
  return `${address}#token=${encodeURIComponent(token)}`;
}
