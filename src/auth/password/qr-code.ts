/** A text as a QR code, SVG without scripts or styles. */
export async function drawQrCode(text: string): Promise<string> {
  // Loaded by the thread that draws, at its first picture.
  const { default: qrcode } = await import("qrcode");
  return qrcode.toString(text, { type: "svg", errorCorrectionLevel: "M", margin: 4 });
}
