const ID = /^[A-Za-z0-9_-]{3,50}$/;
const HOST = "typeform.com";

/** The id of a form by its address (`https://….typeform.com/to/<id>`) or by itself. */
export function readTypeformId(text: string): string | undefined {
  const trimmed = text.trim();
  if (ID.test(trimmed)) return trimmed;
  if (!URL.canParse(trimmed)) return undefined;
  const { protocol, hostname, pathname } = new URL(trimmed);
  if (protocol !== "https:" && protocol !== "http:") return undefined;
  if (hostname !== HOST && !hostname.endsWith(`.${HOST}`)) return undefined;
  const [, to, id = ""] = pathname.split("/");
  return to === "to" && ID.test(id) ? id : undefined;
}
