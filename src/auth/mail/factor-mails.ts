import type { MailContent } from "../../platform/mail.ts";
import type { Language } from "./language.ts";
import { toMail } from "./letter.ts";

interface Values {
  readonly language: Language;
  readonly name?: string | undefined;
}

/** What happened to the second factors of an account. */
export type FactorEvent =
  | "mfa.totp_added"
  | "mfa.totp_removed"
  | "mfa.passkey_added"
  | "mfa.passkey_removed"
  | "mfa.recovery_codes_made"
  | "mfa.reset";

const SAID: Readonly<Record<FactorEvent, Readonly<Record<Language, string>>>> = Object.freeze({
  "mfa.totp_added": {
    en: "A code generator was added to your account.",
    "pt-BR": "Um gerador de códigos foi adicionado à sua conta.",
  },
  "mfa.totp_removed": {
    en: "The code generator was removed from your account.",
    "pt-BR": "O gerador de códigos foi removido da sua conta.",
  },
  "mfa.passkey_added": {
    en: "A passkey was added to your account.",
    "pt-BR": "Uma chave de acesso foi adicionada à sua conta.",
  },
  "mfa.passkey_removed": {
    en: "A passkey was removed from your account.",
    "pt-BR": "Uma chave de acesso foi removida da sua conta.",
  },
  "mfa.recovery_codes_made": {
    en: "New recovery codes were made for your account. The old ones do not work any more.",
    "pt-BR": "Novos códigos de recuperação foram criados. Os antigos não funcionam mais.",
  },
  "mfa.reset": {
    en: "An administrator removed all second factors of your account.",
    "pt-BR": "Um administrador removeu todos os segundos fatores da sua conta.",
  },
});

const WARNING: Readonly<Record<Language, string>> = Object.freeze({
  en: "If it was not you, change your password at once and tell us.",
  "pt-BR": "Se não foi você, troque a sua senha agora e fale conosco.",
});

/** Tells the owner that what the account proves itself with has changed. */
export function factorChangedMail({
  language,
  name,
  event,
}: Values & { event: FactorEvent }): MailContent {
  return toMail({
    language,
    name,
    subject: language === "pt-BR" ? "Seus segundos fatores mudaram" : "Your second factors changed",
    paragraphs: [
      SAID[event][language],
      language === "pt-BR" ? "As outras sessões foram encerradas." : "The other sessions ended.",
      WARNING[language],
    ],
  });
}

/** A recovery code stands for a lost factor, or for a stolen list: the owner has to hear of it. */
export function recoveryCodeUsedMail({
  language,
  name,
  left,
}: Values & { left: number }): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Um código de recuperação foi usado",
        paragraphs: [
          `Alguém entrou na sua conta com um código de recuperação. Restam ${left}.`,
          WARNING[language],
        ],
      })
    : toMail({
        language,
        name,
        subject: "A recovery code was used",
        paragraphs: [
          `Somebody used a recovery code for your account. ${left} are left.`,
          WARNING[language],
        ],
      });
}
