import PdfKit from "pdfkit";
import { amountText, dayText, WORDS, type DocumentLanguage } from "./document-words.ts";
import { toFontText } from "./font-text.ts";

/** A line with a box to tick. */
export interface ShoppingLine {
  readonly name: string;
  readonly quantity: number;
  readonly unit: string;
  readonly department: string | null;
  readonly meals: readonly string[];
  readonly brands: string | null;
  readonly substitutes: string | null;
  readonly isChecked: boolean;
}

export interface ShoppingListDocument {
  readonly language: DocumentLanguage;
  /** ISO 8601; null when nobody said: the document then has no date. */
  readonly createdAt: string | null;
  /** In their order; those of a department need not stand together. */
  readonly lines: readonly ShoppingLine[];
}

type Pdf = InstanceType<typeof PdfKit>;

const [REGULAR, BOLD] = ["Helvetica", "Helvetica-Bold"];
const MARGIN = 48;
const BOX = 9;
const TEXT_LEFT = MARGIN + 18;
const AMOUNT_WIDTH = 96;
const GAP = 6;
const [BLACK, GREY] = ["#000000", "#555555"];

/**
 * An A4 document of the list, grouped by department, with a number on each page. The same list
 * makes the same bytes.
 */
export function drawShoppingList(list: ShoppingListDocument): Promise<Uint8Array> {
  return new ShoppingListDrawing(list).draw();
}

class ShoppingListDrawing {
  readonly #list: ShoppingListDocument;
  readonly #pdf: Pdf;
  #isLossy = false;

  constructor(list: ShoppingListDocument) {
    this.#list = list;
    const { title } = WORDS[list.language];
    this.#pdf = new PdfKit({
      size: "A4",
      margins: { top: MARGIN, bottom: MARGIN + 16, left: MARGIN, right: MARGIN },
      bufferPages: true,
      lang: list.language,
      // A date must be there: the name of the file is made of it.
      info: { Title: title, Producer: "Brigade", Creator: "Brigade", CreationDate: dateOf(list) },
    });
    // Nobody's date is kept out of the document.
    const isWritten = list.createdAt !== null;
    Object.defineProperty(this.#pdf.info, "CreationDate", { enumerable: isWritten });
  }

  async draw(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    const done = new Promise<void>((resolve, reject) => {
      this.#pdf.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      this.#pdf.on("end", resolve);
      this.#pdf.on("error", reject);
    });
    this.#drawHead();
    for (const [department, lines] of groupsOf(this.#list.lines)) {
      this.#drawGroup(department, lines);
    }
    this.#drawFeet();
    this.#pdf.end();
    await done;
    return Buffer.concat(chunks);
  }

  #drawHead(): void {
    const { language, createdAt, lines } = this.#list;
    const words = WORDS[language];
    this.#write(words.title, BOLD, 18);
    if (createdAt !== null) this.#write(dayText(createdAt, language), REGULAR, 9, GREY);
    this.#pdf.moveDown(0.5);
    if (lines.length === 0) this.#write(words.nothing, REGULAR, 11);
  }

  #drawGroup(department: string | null, lines: readonly ShoppingLine[]): void {
    const words = WORDS[this.#list.language];
    const name = this.#shown(department ?? words.elsewhere);
    const heading = (text: string) => {
      this.#write(text, BOLD, 12);
      this.#pdf.y += 2;
    };
    const headHeight = 12 + this.#heightOf(name, BOLD, 12);
    // A heading never stands alone at the foot of a page.
    this.#makeRoom(headHeight + this.#lineHeight(lines[0]!));
    this.#pdf.y += GAP;
    heading(name);
    for (const line of lines) {
      const isOnNewPage = this.#makeRoom(this.#lineHeight(line));
      if (isOnNewPage) heading(`${name} (${words.continued})`);
      this.#drawLine(line);
    }
  }

  #drawLine(line: ShoppingLine): void {
    const pdf = this.#pdf;
    const top = pdf.y;
    pdf.lineWidth(0.8).strokeColor(BLACK).rect(MARGIN, top, BOX, BOX).stroke();
    if (line.isChecked) {
      pdf.moveTo(MARGIN + 1.5, top + 5).lineTo(MARGIN + 4, top + 7.5);
      pdf.lineTo(MARGIN + 8, top + 1.5).stroke();
    }
    const amount = this.#amountOf(line);
    const amountLeft = pdf.page.width - MARGIN - AMOUNT_WIDTH;
    this.#write(amount, REGULAR, 10.5, BLACK, { left: amountLeft, isRight: true });
    const afterAmount = pdf.y;
    pdf.y = top;
    this.#write(this.#shown(line.name), REGULAR, 10.5, BLACK, { left: TEXT_LEFT });
    for (const note of this.#notesOf(line)) {
      this.#write(note, REGULAR, 8, GREY, { left: TEXT_LEFT });
    }
    // A line that is longer than a page has left its amount behind on the first of its pages.
    if (pdf.y > top) pdf.y = Math.max(pdf.y, afterAmount);
    pdf.y += GAP;
  }

  #amountOf({ quantity, unit }: ShoppingLine): string {
    return this.#shown(amountText(quantity, unit, this.#list.language));
  }

  #notesOf({ meals, brands, substitutes }: ShoppingLine): string[] {
    const words = WORDS[this.#list.language];
    const notes: (readonly [string, string | null])[] = [
      [words.meals, meals.join(", ") || null],
      [words.brands, brands],
      [words.substitutes, substitutes],
    ];
    return notes.flatMap(([label, text]) =>
      text === null ? [] : [this.#shown(`${label}: ${text}`)],
    );
  }

  #lineHeight(line: ShoppingLine): number {
    const name = this.#heightOf(this.#shown(line.name), REGULAR, 10.5, textWidth(this.#pdf));
    const notes = this.#notesOf(line).map((note) =>
      this.#heightOf(note, REGULAR, 8, textWidth(this.#pdf)),
    );
    const text = notes.reduce((sum, height) => sum + height, name);
    return GAP + Math.max(text, this.#heightOf(this.#amountOf(line), REGULAR, 10.5, AMOUNT_WIDTH));
  }

  #heightOf(text: string, font: string, size: number, width?: number): number {
    const all = this.#pdf.page.width - 2 * MARGIN;
    return this.#pdf
      .font(font)
      .fontSize(size)
      .heightOfString(text, { width: width ?? all });
  }

  /** A new page when `height` does not fit on this one; what fits on none flows over them. */
  #makeRoom(height: number): boolean {
    const { page, y } = this.#pdf;
    const bottom = page.height - page.margins.bottom;
    const isFresh = y <= MARGIN;
    if (isFresh || y + height <= bottom || height > bottom - MARGIN) return false;
    this.#pdf.addPage();
    return true;
  }

  #write(
    text: string,
    font: string,
    size: number,
    color = BLACK,
    place: { readonly left: number; readonly isRight?: boolean } = { left: MARGIN },
  ): void {
    const pdf = this.#pdf;
    const all = pdf.page.width - 2 * MARGIN;
    const width = place.isRight ? AMOUNT_WIDTH : place.left === MARGIN ? all : textWidth(pdf);
    pdf.font(font).fontSize(size).fillColor(color);
    pdf.text(text, place.left, pdf.y, { width, align: place.isRight ? "right" : "left" });
  }

  #drawFeet(): void {
    const pdf = this.#pdf;
    const words = WORDS[this.#list.language];
    const { start, count } = pdf.bufferedPageRange();
    for (let index = 0; index < count; index++) {
      pdf.switchToPage(start + index);
      // Below the margin a text would begin a new page.
      pdf.page.margins.bottom = 0;
      const foot = pdf.page.height - MARGIN;
      pdf.font(REGULAR).fontSize(8).fillColor(GREY);
      const options = { width: pdf.page.width - 2 * MARGIN, lineBreak: false };
      if (this.#isLossy) pdf.text(words.lossy, MARGIN, foot, options);
      const number = words.pageOf(index + 1, count);
      pdf.text(number, pdf.page.width - MARGIN - pdf.widthOfString(number), foot, options);
    }
  }

  #shown(original: string): string {
    const { text, isLossy } = toFontText(original);
    this.#isLossy ||= isLossy;
    return text;
  }
}

function textWidth(pdf: Pdf): number {
  return pdf.page.width - MARGIN - TEXT_LEFT - AMOUNT_WIDTH - GAP;
}

function dateOf({ createdAt }: ShoppingListDocument): Date {
  return new Date(createdAt ?? 0);
}

/** By department, in the order of their first lines; those without one come last. */
function groupsOf(lines: readonly ShoppingLine[]): [string | null, ShoppingLine[]][] {
  const groups = new Map<string | null, ShoppingLine[]>();
  for (const line of lines) {
    const group = groups.get(line.department);
    if (group === undefined) groups.set(line.department, [line]);
    else group.push(line);
  }
  return [...groups].toSorted(([a], [b]) => Number(a === null) - Number(b === null));
}
