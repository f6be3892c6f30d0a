"""Where each service listens on one machine: offsets from the port of `--port`.

Browsers learn the addresses from the gateway's `GET /v1/config`, so only the first is known
to people.
"""

GATEWAY_PORT = 8080
FANOUT_PORT_OFFSET = 1
OPS_PORT_OFFSET = 2
ETA_PORT_OFFSET = 3
