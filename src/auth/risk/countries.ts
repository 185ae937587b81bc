/** Degrees north and east. */
interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

// The middle of each country, to the degree: enough to tell a flight from a leap.
const TABLE =
  "AD 42.5 1.6;AE 24 54;AF 33 65;AL 41 20;AM 40 45;AO -12.5 18.5;AR -34 -64;AT 47.3 13.3;" +
  "AU -27 133;AZ 40.5 47.5;BA 44 18;BD 24 90;BE 50.8 4;BF 13 -2;BG 43 25;BH 26 50.5;" +
  "BI -3.5 30;BJ 9.5 2.3;BO -17 -65;BR -10 -55;BW -22 24;BY 53 28;CA 60 -95;CD 0 25;" +
  "CF 7 21;CG -1 15;CH 47 8;CI 8 -5;CL -30 -71;CM 6 12;CN 35 105;CO 4 -72;CR 10 -84;" +
  "CU 21.5 -80;CV 16 -24;CY 35 33;CZ 49.8 15.5;DE 51 9;DK 56 10;DO 19 -70.7;DZ 28 3;" +
  "EC -2 -77.5;EE 59 26;EG 27 30;ES 40 -4;ET 8 38;FI 64 26;FJ -18 175;FR 46 2;GA -1 11.8;" +
  "GB 54 -2;GE 42 43.5;GH 8 -2;GN 11 -10;GQ 2 10;GR 39 22;GT 15.5 -90.3;GW 12 -15;GY 5 -59;" +
  "HK 22.3 114.2;HN 15 -86.5;HR 45.2 15.5;HT 19 -72.4;HU 47 20;ID -5 120;IE 53 -8;" +
  "IL 31.5 34.8;IN 20 77;IQ 33 44;IR 32 53;IS 65 -18;IT 42.8 12.8;JM 18.3 -77.5;JO 31 36;" +
  "JP 36 138;KE 1 38;KG 41 75;KH 13 105;KP 40 127;KR 37 127.5;KW 29.3 47.7;KZ 48 68;" +
  "LA 18 105;LB 33.8 35.8;LK 7 81;LR 6.5 -9.5;LS -29.5 28.5;LT 56 24;LU 49.8 6.2;LV 57 25;" +
  "LY 25 17;MA 32 -5;MC 43.7 7.4;MD 47 29;ME 42.5 19.3;MG -20 47;MK 41.8 22;ML 17 -4;" +
  "MM 22 98;MN 46 105;MO 22.2 113.6;MR 20 -12;MT 35.8 14.6;MU -20.3 57.6;MW -13.5 34;" +
  "MX 23 -102;MY 2.5 112.5;MZ -18.3 35;NA -22 17;NE 16 8;NG 10 8;NI 13 -85;NL 52.5 5.8;" +
  "NO 62 10;NP 28 84;NZ -41 174;OM 21 57;PA 9 -80;PE -10 -76;PG -6 147;PH 13 122;PK 30 70;" +
  "PL 52 20;PR 18.3 -66.5;PS 32 35.3;PT 39.5 -8;PY -23 -58;QA 25.5 51.3;RO 46 25;RS 44 21;" +
  "RU 60 100;RW -2 30;SA 25 45;SD 15 30;SE 62 15;SG 1.4 103.8;SI 46.1 14.8;SK 48.7 19.5;" +
  "SL 8.5 -11.5;SN 14 -14;SO 10 49;SR 4 -56;SS 7 30;ST 1 7;SV 13.8 -88.9;SY 35 38;TD 15 19;" +
  "TG 8 1.2;TH 15 100;TJ 39 71;TL -8.8 125.7;TM 40 60;TN 34 9;TR 39 35;TT 11 -61;" +
  "TW 23.5 121;TZ -6 35;UA 49 32;UG 1 32;US 38 -97;UY -33 -56;UZ 41 64;VE 8 -66;VN 16 106;" +
  "YE 15 48;ZA -29 24;ZM -15 30;ZW -20 30";

const MIDDLES: ReadonlyMap<string, Point> = new Map(
  TABLE.split(";").map((entry) => {
    const [code = "", latitude, longitude] = entry.split(" ");
    return [code, { latitude: Number(latitude), longitude: Number(longitude) }];
  }),
);

const EARTH_RADIUS_KM = 6_371;

/** From one country's middle to another's. Undefined when we do not know one of them. */
export function distanceKm(from: string, to: string): number | undefined {
  const [a, b] = [MIDDLES.get(from), MIDDLES.get(to)];
  if (a === undefined || b === undefined) return undefined;
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const half = (degrees: number) => Math.sin(radians(degrees) / 2) ** 2;
  const chord =
    half(b.latitude - a.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * half(b.longitude - a.longitude);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}
