/** The services' HTTP endpoints. Every failure is a sentence that a person can use. */

import type {
  ConfigReply,
  ErrorReply,
  EtaReply,
  NearbyReply,
  Place,
  PlacesReply,
  RideReply,
  RouteReply,
  TokenReply,
} from "../contracts/generated";

export class Failure extends Error {
  constructor(
    message: string,
    /** HTTP status; 0: nothing answered. */
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
  }
}

export const messageOf = (error: unknown): string =>
  error instanceof Failure ? error.message : "Something unexpected went wrong. Reload the page to start again.";

interface Call {
  method?: "GET" | "POST";
  token?: string;
  body?: unknown;
  signal?: AbortSignal;
}

const TIMEOUT_MS = 8_000;

export async function call<T>(url: string, options: Call = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers["Authorization"] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const init: RequestInit = {
    method: options.method ?? "GET",
    headers,
    signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
  };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  const response = await fetch(new URL(url, document.baseURI), init).catch((error: unknown) => {
    if (options.signal?.aborted === true) throw error;
    throw new Failure("The service does not answer. Check that Hailstream is running.", 0, "unreachable");
  });
  if (!response.ok) throw await failureOf(response);
  return (await response.json()) as T;
}

async function failureOf(response: Response): Promise<Failure> {
  const reply = (await response.json().catch(() => null)) as Partial<ErrorReply> | null;
  const message = reply?.message ?? `The service answered ${response.status}.`;
  return new Failure(message, response.status, reply?.code ?? "unknown");
}

const point = (place: Place): string => `${place.lat.toFixed(6)},${place.lon.toFixed(6)}`;

export const fetchConfig = (): Promise<ConfigReply> => call("v1/config");

export const fetchToken = (role: string, sub: string): Promise<TokenReply> =>
  call("v1/tokens", { method: "POST", body: { role, sub } });

export const fetchPlaces = (query: string, signal: AbortSignal): Promise<PlacesReply> =>
  call(`v1/places?q=${encodeURIComponent(query)}`, { signal });

export const fetchRoute = (from: Place, to: Place): Promise<RouteReply> =>
  call(`v1/route?from=${point(from)}&to=${point(to)}`);

export const fetchEta = (from: Place, to: Place): Promise<EtaReply> =>
  call(`v1/eta?from=${point(from)}&to=${point(to)}`);

export const fetchNearby = (at: Place, count: number, signal?: AbortSignal): Promise<NearbyReply> =>
  call(
    `v1/drivers/nearby?lat=${at.lat.toFixed(6)}&lon=${at.lon.toFixed(6)}&k=${count}`,
    signal === undefined ? {} : { signal },
  );

export const askRide = (token: string, ride: string, pickup: Place, destination: Place): Promise<RideReply> =>
  call("v1/rides", { method: "POST", token, body: { ride, pickup, destination } });

export const fetchRide = (token: string, ride: string): Promise<RideReply> => call(`v1/rides/${ride}`, { token });

export const cancelRide = (token: string, ride: string): Promise<RideReply> =>
  call(`v1/rides/${ride}/cancel`, { method: "POST", token, body: {} });
