import type { MailContent } from "../../platform/mail.ts";
import type { Language } from "./language.ts";
import { toMail } from "./letter.ts";

interface Values {
  readonly language: Language;
  readonly name?: string | undefined;
}

/** Leads to the page where a new password is set. */
export function resetPasswordMail({
  language,
  name,
  href,
  minutes,
}: Values & { readonly href: string; readonly minutes: number }): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Escolha uma nova senha",
        paragraphs: ["Alguém pediu uma nova senha para a sua conta. Se foi você, escolha-a aqui."],
        button: { label: "Escolher a senha", href },
        closing: [
          `O link vale por ${minutes} minutos e uma vez só. Se você não pediu isso, ignore esta ` +
            "mensagem: a sua senha continua a mesma.",
        ],
      })
    : toMail({
        language,
        name,
        subject: "Choose a new password",
        paragraphs: [
          "Somebody asked for a new password for your account. If it was you, choose it here.",
        ],
        button: { label: "Choose a password", href },
        closing: [
          `The link is good for ${minutes} minutes, once. If you did not ask for it, ignore this ` +
            "mail: your password stays as it is.",
        ],
      });
}

/** Tells the owner, who may not be the one who did it. */
export function passwordChangedMail({
  language,
  name,
  device,
  country,
}: Values & {
  readonly device: string | undefined;
  readonly country: string | undefined;
}): MailContent {
  const place = [device, country].filter((text) => text !== undefined).join(", ");
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Sua senha foi trocada",
        paragraphs: [
          "A senha da sua conta foi trocada, e as outras sessões foram encerradas.",
          ...(place === "" ? [] : [`De onde: ${place}.`]),
          "Se não foi você, peça uma nova senha agora e fale conosco.",
        ],
      })
    : toMail({
        language,
        name,
        subject: "Your password was changed",
        paragraphs: [
          "The password of your account was changed, and the other sessions were ended.",
          ...(place === "" ? [] : [`From: ${place}.`]),
          "If it was not you, ask for a new password now and tell us.",
        ],
      });
}

/** Before a password comes to its end. `until` is a calendar day. */
export function passwordExpiresMail({
  language,
  name,
  until,
}: Values & { readonly until: string }): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Sua senha vai expirar",
        paragraphs: [
          `A sua senha vale até ${until}. Troque-a antes; depois disso será preciso escolher ` +
            "outra ao entrar.",
        ],
      })
    : toMail({
        language,
        name,
        subject: "Your password is about to expire",
        paragraphs: [
          `Your password is good until ${until}. Change it before; after that you will have to ` +
            "choose another one when you log in.",
        ],
      });
}
