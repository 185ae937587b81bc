import { riskLimits as limits } from "../../platform/limits.ts";
import { distanceKm } from "./countries.ts";

/** What may be unusual about a login. */
export type Signal = keyof typeof WEIGHTS;

/** How much each adds to the score. */
export const WEIGHTS = Object.freeze({
  new_device: 25,
  changed_agent: 10,
  new_country: 30,
  impossible_travel: 40,
  refresh_reuse: 40,
  stuffing_network: 35,
  unusual_hour: 10,
});

/** What is known of an account's logins before this one. */
export interface LoginHistory {
  readonly logins: number;
  /** How many began in each hour of the day, UTC. */
  readonly hours: readonly number[];
  readonly countries: readonly string[];
  readonly agents: readonly string[];
  readonly lastCountry: string | undefined;
  readonly lastAtMs: number | undefined;
  /** Devices that proved themselves at a login. */
  readonly devices: number;
  /** The one that is used now, when it is one of them. */
  readonly device: { readonly firstAtMs: number; readonly logins: number } | undefined;
  /** A refresh token of the account was used twice not long ago. */
  readonly hadReuse: boolean;
  /** Identifiers with wrong passwords from this network, not long ago. */
  readonly networkFailures: number;
}

export interface Login {
  readonly nowMs: number;
  readonly country: string | undefined;
  /** Program and system, in words. */
  readonly agent: string | undefined;
}

/** What a login is judged by. */
export interface Assessment {
  /** From 0 to 100. */
  readonly score: number;
  /** Trust in the device, from 0 to 100. */
  readonly trust: number;
  readonly signals: readonly Signal[];
}

/** Judges a login by what was usual before. The same history and login give the same. */
export function assessLogin(history: LoginHistory, login: Login): Assessment {
  const signals = signalsOf(history, login);
  const trust = deviceTrust(history.device, login.nowMs);
  return { signals, trust, score: scoreOf(signals, trust) };
}

/** A trusted device takes up to half away. With one signal more it is never lower. */
export function scoreOf(signals: readonly Signal[], trust: number): number {
  const sum = [...new Set(signals)].reduce((total, signal) => total + WEIGHTS[signal], 0);
  return Math.min(100, Math.round(sum * (1 - trust / 200)));
}

/** By age and use: a device seen today has half of the trust that one of a month has. */
export function deviceTrust(device: LoginHistory["device"], nowMs: number): number {
  if (device === undefined) return 0;
  const days = Math.max(0, (nowMs - device.firstAtMs) / 86_400_000);
  return Math.round(50 + Math.min(30, days) + Math.min(20, device.logins));
}

function signalsOf(history: LoginHistory, login: Login): Signal[] {
  // The first login has nothing to differ from.
  const isUsual: Readonly<Record<Signal, boolean>> = {
    new_device: history.devices === 0 || history.device !== undefined,
    changed_agent:
      history.agents.length === 0 ||
      login.agent === undefined ||
      history.agents.includes(login.agent),
    new_country:
      history.countries.length === 0 ||
      login.country === undefined ||
      history.countries.includes(login.country),
    impossible_travel: !isImpossible(history, login),
    refresh_reuse: !history.hadReuse,
    stuffing_network: history.networkFailures < limits.stuffingIdentifiersCount,
    unusual_hour: isUsualHour(history, login.nowMs),
  };
  return (Object.keys(isUsual) as Signal[]).filter((signal) => !isUsual[signal]);
}

/** From one country's middle to the other's, less what a country may measure, faster than a plane. */
function isImpossible({ lastCountry, lastAtMs }: LoginHistory, { country, nowMs }: Login): boolean {
  if (lastCountry === undefined || country === undefined || lastAtMs === undefined) return false;
  const km = distanceKm(lastCountry, country);
  if (km === undefined) return false;
  const hours = Math.max(0, nowMs - lastAtMs) / 3_600_000;
  return km - limits.travelSlackKm > limits.travelKmPerHourMax * hours;
}

/** An hour in which, or beside which, hardly ever a login began; told of many logins only. */
function isUsualHour({ hours, logins }: LoginHistory, nowMs: number): boolean {
  if (logins < limits.hoursMinLoginsCount) return true;
  const hour = Math.floor(nowMs / 3_600_000) % 24;
  const near = [hour + 23, hour, hour + 1].reduce((sum, at) => sum + (hours[at % 24] ?? 0), 0);
  const all = hours.reduce((sum, count) => sum + count, 0);
  return near >= all * limits.unusualHourShare;
}
