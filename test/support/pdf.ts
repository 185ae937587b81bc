import { getDocument, OPS } from "pdfjs-dist/legacy/build/pdf.mjs";

export interface ReadPdf {
  readonly info: Readonly<Record<string, unknown>>;
  readonly pages: readonly ReadPage[];
}

export interface ReadPage {
  readonly width: number;
  readonly height: number;
  /** Pieces of text as they were written, from top to bottom. */
  readonly pieces: readonly Piece[];
  /** All of them with single spaces between. */
  readonly text: string;
  /** Squares, and what else is drawn with a pen: the boxes to tick, and the ticks. */
  readonly boxCount: number;
  readonly tickCount: number;
}

export interface Piece {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  /** From the foot of the page. */
  readonly bottom: number;
}

/** What a reader of the document finds in it. */
export async function readPdf(bytes: Uint8Array): Promise<ReadPdf> {
  const task = getDocument({ data: new Uint8Array(bytes), verbosity: 0 });
  const document = await task.promise;
  const { info } = await document.getMetadata();
  const pages: ReadPage[] = [];
  for (let number = 1; number <= document.numPages; number++) {
    const page = await document.getPage(number);
    const [, , width = 0, height = 0] = page.view;
    const { items } = await page.getTextContent();
    const pieces = items.flatMap((item): Piece[] => {
      if (!("str" in item) || item.str.trim() === "") return [];
      const [, , , , left, bottom] = item.transform as number[];
      return [{ text: item.str, left: left!, right: left! + item.width, bottom: bottom! }];
    });
    const text = pieces.map((piece) => piece.text.trim()).join(" ");
    const strokes = strokesOf(await page.getOperatorList());
    pages.push({ width, height, pieces, text, ...strokes });
  }
  await task.destroy();
  return { info: info as Record<string, unknown>, pages };
}

function strokesOf({ fnArray, argsArray }: { fnArray: number[]; argsArray: unknown[] }) {
  const drawn = argsArray.filter((_, index) => fnArray[index] === OPS.constructPath);
  const isSquare = drawn.map((args) => {
    const [, , bounds] = args as [number, unknown, Record<string, number>];
    const [left, top, right, bottom] = Object.values(bounds) as [number, number, number, number];
    return Math.abs(right - left - (bottom - top)) < 0.01;
  });
  const boxCount = isSquare.filter(Boolean).length;
  return { boxCount, tickCount: isSquare.length - boxCount };
}
