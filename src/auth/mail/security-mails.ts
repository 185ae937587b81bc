import type { MailContent } from "../../platform/mail.ts";
import type { Language } from "./language.ts";
import { toMail } from "./letter.ts";

interface Values {
  readonly language: Language;
  readonly name?: string | undefined;
}

/** Where something came from, as far as it is known. */
export interface MailPlace {
  readonly device: string | undefined;
  readonly country: string | undefined;
  readonly network: string | undefined;
}

/** Too many wrong passwords: the owner is told, and may end the lock. */
export function accountLockedMail({
  language,
  name,
  href,
  hours,
}: Values & { readonly href: string; readonly hours: number }): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Sua conta está bloqueada por um tempo",
        paragraphs: [
          "Alguém errou muitas vezes a senha da sua conta. Por isso novos aparelhos não podem entrar por um tempo.",
          "Se foi você, desbloqueie a conta. Se não foi, espere: o bloqueio termina sozinho.",
        ],
        button: { label: "Desbloquear a conta", href },
        closing: [`O link vale por ${hours} horas.`],
      })
    : toMail({
        language,
        name,
        subject: "Your account is locked for a while",
        paragraphs: [
          "Somebody gave many wrong passwords for your account, so new devices cannot log in for a while.",
          "If it was you, unlock the account. If it was not, wait: the lock ends by itself.",
        ],
        button: { label: "Unlock the account", href },
        closing: [`The link is good for ${hours} hours.`],
      });
}

/** What is known of where it was, in the order of what tells most; undefined: nothing. */
function placeText({ device, country, network }: MailPlace): string | undefined {
  const known = [device, country, network].filter((text) => text !== undefined);
  return known.length === 0 ? undefined : known.join(", ");
}

/** A login from a device or a country that the account was never used from. */
export function newLoginMail({
  language,
  name,
  place,
  suppressed,
}: Values & { readonly place: MailPlace; readonly suppressed: number }): MailContent {
  if (language === "pt-BR") {
    return toMail({
      language,
      name,
      subject: "Novo acesso à sua conta",
      paragraphs: [
        `A sua conta foi usada de um aparelho ou país novo: ${placeText(place) ?? "desconhecido"}.`,
        ...(suppressed > 0 ? [`Houve mais ${suppressed} acessos assim desde o último aviso.`] : []),
        "Se não foi você, troque a sua senha e encerre as outras sessões.",
      ],
    });
  }
  return toMail({
    language,
    name,
    subject: "A new login to your account",
    paragraphs: [
      `Your account was used from a new device or country: ${placeText(place) ?? "unknown"}.`,
      ...(suppressed > 0 ? [`There were ${suppressed} more like it since the last notice.`] : []),
      "If it was not you, change your password and end the other sessions.",
    ],
  });
}

/** A refresh token was used twice: its session ended, whoever of the two was the owner. */
export function refreshReuseMail({
  language,
  name,
  place,
  suppressed,
}: Values & { readonly place: MailPlace; readonly suppressed: number }): MailContent {
  if (language === "pt-BR") {
    return toMail({
      language,
      name,
      subject: "Encerramos uma sessão da sua conta",
      paragraphs: [
        `Uma sessão da sua conta foi usada por duas cópias, a última vez aqui: ${placeText(place) ?? "desconhecido"}. Alguém pode ter copiado o acesso, por isso a sessão foi encerrada.`,
        ...(suppressed > 0
          ? [`Isso aconteceu mais ${suppressed} vezes desde o último aviso.`]
          : []),
        "Entre de novo. Se não reconhece o aparelho, troque a sua senha e encerre as outras sessões.",
      ],
    });
  }
  return toMail({
    language,
    name,
    subject: "A session of your account was ended",
    paragraphs: [
      `Two copies of one session of your account were used, the last one here: ${placeText(place) ?? "unknown"}. Somebody may have copied it, so the session was ended.`,
      ...(suppressed > 0 ? [`It happened ${suppressed} more times since the last notice.`] : []),
      "Log in again. If you do not know the device, change your password and end the other sessions.",
    ],
  });
}

/** To whoever operates the server. */
export function operatorAlertMail(alert: {
  readonly kind: string;
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly suppressed: number;
}): MailContent {
  const details = Object.entries(alert.details).map(([field, value]) => `${field}: ${value}`);
  return toMail({
    language: "en",
    subject: `Security alert: ${alert.kind}`,
    paragraphs: [
      `${alert.kind} at ${alert.subject}.`,
      ...details,
      ...(alert.suppressed > 0
        ? [`${alert.suppressed} more of them were held back since the last alert.`]
        : []),
    ],
  });
}
