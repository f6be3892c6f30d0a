// What services say to one another. Generated from services/rideflow/contracts by
// `make contracts`; never edited by hand.


export const PING_VERSION = 1;

export const PUSH_VERSION = 1;

export const ACK_KIND = 1;

export const ACK_SIZE = 16;

export const DARK_AFTER_MS = 10000;

/** What a driver is doing. The same numbers in PING, POSITION and driver.states. */
export const DriverState = {
  OFFLINE: 0,
  OPEN: 1,
  OFFERED: 2,
  EN_ROUTE: 3,
  WAITING: 4,
  ON_TRIP: 5,
} as const;
export type DriverState = (typeof DriverState)[keyof typeof DriverState];

/** Facts about a ping that the phone knows. */
export const PingFlag = {
  BACKLOG: 1,
  MOCKED: 2,
  NO_SPEED: 4,
  NO_BEARING: 8,
  TRACED: 16,
} as const;
export type PingFlag = (typeof PingFlag)[keyof typeof PingFlag];

/** What `positions` did to or thinks of a position. */
export const PositionFlag = {
  SMOOTHED: 1,
  MOCKED: 2,
  SUSPECT: 4,
  HELD: 8,
  DARK: 16,
} as const;
export type PositionFlag = (typeof PositionFlag)[keyof typeof PositionFlag];

/** What a binary frame holds. */
export const PushKind = {
  SNAPSHOT: 1,
  DELTA: 2,
  MATCHED: 3,
  CITY: 4,
} as const;
export type PushKind = (typeof PushKind)[keyof typeof PushKind];

/** Facts about a car in a frame. */
export const CarFlag = {
  GONE: 1,
  SUSPECT: 2,
  DARK: 4,
  BLURRED: 8,
} as const;
export type CarFlag = (typeof CarFlag)[keyof typeof CarFlag];

/** WebSocket close codes. 4000-4099: reconnect after a wait; 4100-4199: do not. */
export const CloseCode = {
  GOING_AWAY: 4000,
  LOG_UNAVAILABLE: 4001,
  SLOW: 4002,
  RATE_LIMITED: 4003,
  FENCED: 4100,
  BAD_TOKEN: 4101,
  FORBIDDEN: 4102,
  PROTOCOL: 4103,
} as const;

/** Where a ride is in its life. */
export type RideState = "requested" | "offered" | "en_route" | "waiting" | "on_trip" | "completed" | "cancelled" | "unmatched";

/** What can happen to a ride. */
export type RideEvent = "request_made" | "offer_sent" | "offer_lapsed" | "offer_declined" | "offer_accepted" | "driver_arrived" | "rider_boarded" | "rider_dropped" | "ride_cancelled" | "driver_lost" | "search_ended";

/** A point that a person chose. */
export interface Place {
  lat: number;
  lon: number;
  name?: string | null;
}

/** What the gateway may ask matching for. */
export type CommandKind = "request" | "cancel" | "accept" | "decline" | "arrive" | "board" | "drop";

/** A wish about a ride. `rider`, `pickup`, `destination` come with a request; `driver` and `offer` with what drivers do. */
export interface RideCommand {
  version?: number;
  kind: CommandKind;
  ride: string;
  region: string;
  at_ms: number;
  rider?: string | null;
  pickup?: Place | null;
  destination?: Place | null;
  driver?: number | null;
  offer?: number | null;
  reason?: string | null;
}

/** Something that happened to a ride, with the whole ride as it is since. */
export interface RideFact {
  version?: number;
  ride: string;
  number: number;
  event: RideEvent;
  state: RideState;
  at_ms: number;
  region: string;
  rider: string;
  pickup: Place;
  destination: Place;
  requested_ms: number;
  driver?: number | null;
  offer?: number | null;
  deadline_ms?: number | null;
  pickup_eta_s?: number | null;
  pickup_eta_p90_s?: number | null;
  trip_eta_s?: number | null;
  trip_eta_p90_s?: number | null;
  reason?: string | null;
}

/** driver.states: what matching holds a driver to be doing. Key: the driver's ten digits. */
export interface DriverStateFact {
  version?: number;
  driver: number;
  state: number;
  at_ms: number;
  ride?: string | null;
}

/** A driver that was looked at for a ride, and what it would have cost. */
export interface Candidate {
  driver: number;
  eta_s: number;
  metres: number;
  cost_s: number;
  age_ms: number;
  passed_over?: string | null;
}

/** What another policy would have done on the same facts. */
export interface ShadowChoice {
  policy: string;
  driver?: number | null;
  eta_s?: number | null;
}

/** dispatch.decisions: why this ride got this driver, or none. Key: ride id. */
export interface DispatchDecision {
  version?: number;
  ride: string;
  window: number;
  at_ms: number;
  region: string;
  requests: number;
  drivers: number;
  candidates: Candidate[];
  chosen?: number | null;
  chosen_eta_s?: number | null;
  why?: string;
  shadow?: ShadowChoice[];
  solve_ms?: number;
}

/** Which wait an ETA is about. */
export type EtaKind = "pickup" | "trip";

/** ride.etas: a prediction that was shown, and later the truth it is scored against. */
export interface RideEta {
  version?: number;
  ride: string;
  kind: EtaKind;
  driver: number;
  at_ms: number;
  predicted_s: number;
  p90_s: number;
  model: string;
  actual_s?: number | null;
}

/** traffic.speeds: the speed on a road segment now. Key: the edge number in decimal. */
export interface SegmentSpeed {
  version?: number;
  edge: number;
  pack: string;
  kmh: number;
  samples: number;
  at_ms: number;
}

/** dead.letters: what was refused and why. Key: the source (`gateway/fleet/f1`). */
export interface DeadLetter {
  version?: number;
  source: string;
  reason: string;
  at_ms: number;
  count: number;
  data: string;
  driver?: number | null;
  sequence?: number | null;
}

/** Why a ping was refused. It goes to dead.letters; the rest of its frame goes on. */
export type RejectReason = "odd_frame" | "bad_version" | "bad_coordinates" | "bad_bearing" | "bad_state" | "future_fix" | "ancient_fix" | "unknown_driver";

/** First words. A fleet names its drivers as inclusive ranges of ids. */
export interface Hello {
  type: "hello";
  token?: string;
  drivers?: [number, number][];
}

/** What a driver does about a ride: `kind` is accept, decline, arrive, board, drop or cancel. */
export interface DriverAction {
  type: "action";
  kind: string;
  driver: number;
  ride: string;
  offer?: number | null;
  reason?: string | null;
}

/** The socket is open for these drivers. */
export interface Welcome {
  type: "welcome";
  drivers: number;
  server_ms: number;
  report_ms?: number;
}

/** A ride is offered to a driver until the deadline. */
export interface Offer {
  type: "offer";
  driver: number;
  fact: RideFact;
}

/** Something happened to a ride that a driver of this socket is or was part of. */
export interface RideNews {
  type: "ride";
  driver: number;
  fact: RideFact;
}

/** Pings were refused; the first one is named. */
export interface Rejected {
  type: "rejected";
  reason: RejectReason;
  count: number;
  frame: number;
  driver?: number | null;
  sequence?: number | null;
}

/** Something was wrong with what was sent; the socket stays open unless it closes. */
export interface SocketError {
  type: "error";
  code: string;
  message: string;
}

/** Where a rider's ride lane stands: valid while the channel epoch is the same. */
export interface ResumePoint {
  epoch: string;
  partition: number;
  offset: number;
}

/** First words of a watcher. */
export interface WatchHello {
  type: "hello";
  token?: string;
}

/** Show the cars in this box (degrees). Replaces the area watched before. */
export interface WatchArea {
  type: "watch_area";
  south: number;
  west: number;
  north: number;
  east: number;
  economy?: boolean;
}

/** No more cars, please. */
export interface UnwatchArea {
  type: "unwatch_area";
}

/** Tell the life of this ride and show its car. With `resume`: only what came after. */
export interface WatchRide {
  type: "watch_ride";
  ride: string;
  resume?: ResumePoint | null;
}

/** The push session is open. The server is heard at least every `heartbeat_ms`. */
export interface WatchWelcome {
  type: "welcome";
  epoch: string;
  server_ms: number;
  heartbeat_ms: number;
}

/** Nothing else to say: the link is alive. `positions_age_ms`: since the newest frame read. */
export interface WatchBeat {
  type: "beat";
  server_ms: number;
  positions_age_ms: number;
}

/** A fact of the watched ride. `recovered` False: the gap could not be replayed, this is the state now. */
export interface RidePush {
  type: "ride";
  fact: RideFact;
  resume: ResumePoint;
  recovered?: boolean;
}

/** The wait that the watched ride's rider may expect now. */
export interface EtaPush {
  type: "eta";
  ride: string;
  kind: string;
  at_ms: number;
  predicted_s: number;
  p90_s: number;
}

/** Something was wrong with what was sent. */
export interface WatchError {
  type: "error";
  code: string;
  message: string;
}

/** Any 4xx or 5xx. `code` is for programs, `message` names what was wrong, `field` where. */
export interface ErrorReply {
  code: string;
  message: string;
  field?: string | null;
}

/** Body of POST /v1/tokens (demo mode only). No `sub`: the gateway makes one up. */
export interface TokenAsk {
  role: Role;
  sub?: string | null;
  drivers?: [number, number][];
}

/** POST /v1/tokens (demo mode only). */
export interface TokenReply {
  token: string;
  sub: string;
  role: string;
  expires_s: number;
}

/** POST /v1/drivers/{id}/pings: the accepted ones are in the log. */
export interface PingsReply {
  accepted: number;
  refused?: Rejected[];
}

/** Body of POST /v1/rides. The same `ride` twice asks once. */
export interface RideAsk {
  pickup: Place;
  destination: Place;
  ride?: string | null;
}

/** POST /v1/rides (202) and GET /v1/rides/{id}. `fact` None: asked, not yet heard of. */
export interface RideReply {
  ride: string;
  state: string;
  fact?: RideFact | null;
  view_age_ms?: number;
}

/** One of the nearest open drivers, by road; a pseudonym, a blurred place. */
export interface NearbyCar {
  car: number;
  lat: number;
  lon: number;
  bearing: number;
  eta_s: number;
  age_ms: number;
}

/** GET /v1/drivers/nearby?lat=&lon=&k= : nearest first. */
export interface NearbyReply {
  cars: NearbyCar[];
  open_drivers: number;
  view_age_ms: number;
}

/** GET /v1/eta?from=LAT,LON&to=LAT,LON at live speeds. */
export interface EtaReply {
  seconds: number;
  p90_s: number;
  metres: number;
  model: string;
  speeds_age_ms: number;
}

/** A stretch of one street. */
export interface RouteStep {
  name: string;
  metres: number;
  seconds: number;
}

/** GET /v1/route?from=&to= : the way itself, [[lon, lat], ...]. */
export interface RouteReply {
  seconds: number;
  p90_s: number;
  metres: number;
  line: [number, number][];
  steps: RouteStep[];
}

/** GET /v1/places?q= : streets whose name has the words, best first; for search boxes. */
export interface PlacesReply {
  places: Place[];
}

/** GET /v1/config: what a page needs to begin. */
export interface ConfigReply {
  city: string;
  bounds: [number, number, number, number];
  centre: [number, number];
  attribution: string;
  basemap_url: string;
  fanout_url: string;
  ops_url: string;
  demo: boolean;
  version: string;
}

/** Milliseconds over the last 10 s and since the start. None: no sample, not zero. */
export interface Quantiles {
  p50: number | null;
  p99: number | null;
  run_p50: number | null;
  run_p99: number | null;
  samples: number;
}

/** What the log proves so far. `missing` may still arrive on the backlog lane. */
export interface AuditState {
  pings_checked: number;
  missing: number;
  repeated: number;
  disordered: number;
  double_assigned: number;
  rides_checked: number;
  checked_until_ms: number;
}

/** One topic: rate and the lag of its readers. */
export interface TopicLine {
  topic: string;
  partitions: number;
  records_per_second: number;
  end_offsets: number[];
  lag_records: Record<string, number>;
}

/** One process, from service.vitals. `age_ms`: since it was last heard. */
export interface ProcessLine {
  service: string;
  instance: number;
  pid: number;
  cpu_cores: number;
  rss_mb: number;
  started_ms: number;
  restarts: number;
  age_ms: number;
}

/** Rides by state, and how quickly they were matched. */
export interface RidesLine {
  by_state: Record<string, number>;
  requested: number;
  matched: number;
  completed: number;
  cancelled: number;
  unmatched: number;
  match_p50_s: number | null;
  match_p90_s: number | null;
}

/** Predictions against what happened. */
export interface EtaScore {
  scored: number;
  mae_s: number | null;
  p90_coverage: number | null;
}

/** The city at one moment. */
export interface Summary {
  at_ms: number;
  pings_per_second: number;
  pings_in_log: number;
  drivers_seen: number;
  drivers_by_state: Record<string, number>;
  drivers_dark: number;
  ages: Record<string, Quantiles>;
  rides: RidesLine;
  eta: EtaScore;
  audit: AuditState;
  filtered: Record<string, number>;
  topics: TopicLine[];
  processes: ProcessLine[];
}

/** GET /v1/rides/{id}: all that the log says of a ride. */
export interface RideStory {
  facts: RideFact[];
  decisions: DispatchDecision[];
  etas: RideEta[];
}

/** GET /v1/rides?state=&limit= : newest news first. */
export interface RidesReply {
  rides: RideFact[];
}

/** Where a driver was. */
export interface TrailPoint {
  fix_ms: number;
  lat: number;
  lon: number;
}

/** GET /v1/drivers/{id}. `id` is a driver's, or the number of its car in CITY frames. */
export interface DriverReply {
  driver: number;
  car: number;
  state: string;
  lat: number;
  lon: number;
  speed_m_s: number;
  bearing: number;
  accuracy_m: number;
  sequence: number;
  trust: number;
  flags: number;
  fix_ms: number;
  age_ms: number;
  trail: TrailPoint[];
}

/** GET /v1/drivers?search=DIGITS : ids that begin with them, lowest first. */
export interface DriversReply {
  drivers: number[];
}

/** GET /v1/processes. */
export interface ProcessesReply {
  processes: ProcessLine[];
}

/** Who a token is for. */
export type Role = "driver" | "fleet" | "rider" | "operator";

/** The payload of a token. `sub`: driver id, fleet id, rider id or a name; `exp`: unix s. */
export interface Claims {
  sub: string;
  role: Role;
  exp: number;
  drivers?: [number, number][];
}

export type Upward = Hello | DriverAction;

export type Downward = Welcome | Offer | RideNews | Rejected | SocketError;

export type WatchUp = WatchHello | WatchArea | UnwatchArea | WatchRide;

export type WatchDown = WatchWelcome | WatchBeat | RidePush | EtaPush | WatchError;

/** Byte offsets, little-endian. */
export const PING = {
  size: 40,
  version: 0,
  state: 1,
  flags: 2,
  sequence: 4,
  driver: 8,
  fix_ms: 16,
  lat_e7: 24,
  lon_e7: 28,
  speed_cm_s: 32,
  bearing_cdeg: 34,
  accuracy_dm: 36,
  reserved: 38,
} as const;

/** Byte offsets, little-endian. */
export const POSITION = {
  size: 40,
  driver: 0,
  fix_ms: 8,
  lat_e7: 16,
  lon_e7: 20,
  sequence: 24,
  speed_cm_s: 28,
  bearing_cdeg: 30,
  state: 32,
  trust: 33,
  flags: 34,
  accuracy_dm: 36,
  received_after_ms: 38,
} as const;

/** Byte offsets, little-endian. */
export const PUSH_HEADER = {
  size: 24,
  kind: 0,
  version: 1,
  reserved: 2,
  count: 4,
  base_ms: 8,
  skipped: 16,
  newest_lag_ms: 20,
} as const;

/** Byte offsets, little-endian. */
export const CAR = {
  size: 20,
  car: 0,
  lat_e7: 4,
  lon_e7: 8,
  fix_ago_ms: 12,
  speed_cm_s: 14,
  bearing_cdeg: 16,
  state: 18,
  flags: 19,
} as const;

/** A ride's life: state (empty: none yet), event, state after. */
export const RIDE_TRANSITIONS: readonly [RideState | "", RideEvent, RideState][] = [
  ["", "request_made", "requested"],
  ["requested", "offer_sent", "offered"],
  ["requested", "search_ended", "unmatched"],
  ["requested", "ride_cancelled", "cancelled"],
  ["offered", "offer_lapsed", "requested"],
  ["offered", "offer_declined", "requested"],
  ["offered", "offer_accepted", "en_route"],
  ["offered", "ride_cancelled", "cancelled"],
  ["en_route", "driver_arrived", "waiting"],
  ["en_route", "driver_lost", "requested"],
  ["en_route", "ride_cancelled", "cancelled"],
  ["waiting", "rider_boarded", "on_trip"],
  ["waiting", "driver_lost", "requested"],
  ["waiting", "ride_cancelled", "cancelled"],
  ["on_trip", "rider_dropped", "completed"],
];
