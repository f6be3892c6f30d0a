"""What the gateway can be told."""

from dataclasses import dataclass

from rideflow.contracts.ports import GATEWAY_PORT
from rideflow.running import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings(ServiceSettings):
    """Settings of the gateway, section `gateway`."""

    port: int = GATEWAY_PORT
    tick_ms: int = 5  # how often collected frames are checked and sent to the log
    tick_bytes_max: int = 2 << 20  # of frames in one send: keeps each partition's batch below 1 MB
    pending_bytes_max: int = 8 << 20  # of frames not yet sent; above it sockets are not read
    write_bytes_max: int = 1 << 20  # unsent bytes of a socket; above it it is cut off as slow
    phone_ack_ms: int = 1_000  # a phone hears of its frames at most this often; 0: every tick
    phone_pings_per_second: int = 500  # of one phone in the long run
    fleet_pings_per_second: int = 2_000_000  # of one fleet socket in the long run
    burst_s: int = 20  # how many seconds of its rate a socket may send at once: backlogs
    idle_s_max: int = 300  # a socket that says nothing for so long is closed
    drivers_max: int = 4_000_000  # drivers that one process can know
    token_secret: str = ""  # signs tokens; empty in demo mode: made anew at each start
    demo: bool = False  # gives a token to whoever asks
    web_dir: str = "web/dist"  # the built pages; empty: none are served
    city_dir: str = ""  # a city pack, for its base map and bounds
    eta_url: str = ""  # http://HOST:PORT of the eta service; empty: on this host, by port offset
    fanout_url: str = ""  # ws://... as browsers reach fan-out; empty: this host, by port offset
    ops_url: str = ""  # http://... as browsers reach ops; empty: this host, by port offset
