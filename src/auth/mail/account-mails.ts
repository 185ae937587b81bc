import type { MailContent } from "../../platform/mail.ts";
import type { Language } from "./language.ts";
import { toMail } from "./letter.ts";

interface Values {
  readonly language: Language;
  readonly name?: string | undefined;
}

interface LinkValues extends Values {
  readonly href: string;
  /** How long the link is good. */
  readonly hours: number;
}

/** Asks the owner of an address to say that it is theirs. */
export function verifyEmailMail({ language, name, href, hours }: LinkValues): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Confirme seu endereço de e-mail",
        paragraphs: ["Confirme que este endereço de e-mail é seu para usar a sua conta."],
        button: { label: "Confirmar o e-mail", href },
        closing: [
          `O link vale por ${hours} horas. Se você não criou uma conta, ignore esta mensagem.`,
        ],
      })
    : toMail({
        language,
        name,
        subject: "Confirm your e-mail address",
        paragraphs: ["Please confirm that this e-mail address is yours, to use your account."],
        button: { label: "Confirm the address", href },
        closing: [`The link is good for ${hours} hours. If you made no account, ignore this mail.`],
      });
}

/** Somebody registered with an address that has an account: only its owner is told. */
export function accountExistsMail({
  language,
  name,
  href,
}: Values & { href: string }): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Você já tem uma conta",
        paragraphs: [
          "Alguém tentou criar uma conta com este endereço de e-mail, mas ele já tem uma conta.",
          "Se foi você, entre com a sua senha ou peça uma nova.",
        ],
        button: { label: "Ir para a página", href },
        closing: ["Se não foi você, não é preciso fazer nada: nada mudou."],
      })
    : toMail({
        language,
        name,
        subject: "You have an account already",
        paragraphs: [
          "Somebody tried to make an account with this e-mail address, which has one already.",
          "If it was you, log in with your password, or ask for a new one.",
        ],
        button: { label: "Open the page", href },
        closing: ["If it was not you, there is nothing to do: nothing has changed."],
      });
}

/** To the new address: proves that it is read before anything changes. */
export function changeEmailMail({ language, name, href, hours }: LinkValues): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Confirme seu novo endereço de e-mail",
        paragraphs: [
          "Confirme que a sua conta deve usar este endereço de e-mail de agora em diante.",
        ],
        button: { label: "Usar este endereço", href },
        closing: [`O link vale por ${hours} horas. Se você não pediu isso, ignore esta mensagem.`],
      })
    : toMail({
        language,
        name,
        subject: "Confirm your new e-mail address",
        paragraphs: ["Please confirm that your account is to use this e-mail address from now on."],
        button: { label: "Use this address", href },
        closing: [
          `The link is good for ${hours} hours. If you did not ask for it, ignore this mail.`,
        ],
      });
}

/** To the old address, when a change was asked for and when it was made. */
export function emailChangedMail({
  language,
  name,
  isDone,
}: Values & { readonly isDone: boolean }): MailContent {
  if (language === "pt-BR") {
    return toMail({
      language,
      name,
      subject: isDone ? "Seu endereço de e-mail mudou" : "Pedido de mudança de e-mail",
      paragraphs: [
        isDone
          ? "A sua conta usa agora outro endereço de e-mail. Este não recebe mais as mensagens dela."
          : "Alguém pediu que a sua conta use outro endereço de e-mail. Nada mudou ainda.",
        "Se não foi você, troque a sua senha e fale conosco.",
      ],
    });
  }
  return toMail({
    language,
    name,
    subject: isDone ? "Your e-mail address was changed" : "A change of your e-mail address",
    paragraphs: [
      isDone
        ? "Your account uses another e-mail address now. This one gets no more of its mails."
        : "Somebody asked that your account use another e-mail address. Nothing has changed yet.",
      "If it was not you, change your password and tell us.",
    ],
  });
}

/** An administrator made the account; its owner chooses the password. */
export function invitationMail({ language, name, href, hours }: LinkValues): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Uma conta para você",
        paragraphs: ["Uma conta foi criada para você. Escolha uma senha para usá-la."],
        button: { label: "Escolher a senha", href },
        closing: [`O link vale por ${hours} horas.`],
      })
    : toMail({
        language,
        name,
        subject: "An account for you",
        paragraphs: ["An account was made for you. Choose a password to use it."],
        button: { label: "Choose a password", href },
        closing: [`The link is good for ${hours} hours.`],
      });
}

/** The last mail of an account. */
export function accountDeletedMail({ language, name }: Values): MailContent {
  return language === "pt-BR"
    ? toMail({
        language,
        name,
        subject: "Sua conta foi excluída",
        paragraphs: ["A sua conta e os dados pessoais dela foram excluídos."],
      })
    : toMail({
        language,
        name,
        subject: "Your account was deleted",
        paragraphs: ["Your account and its personal data were deleted."],
      });
}
