"""How every service runs: settings, log, metrics, vitals, HTTP and a clean end, in one shell."""

from rideflow.running.service import Service, ServiceSettings, run_service
from rideflow.running.web import error_reply, json_reply, serve_http

__all__ = [
    "Service",
    "ServiceSettings",
    "error_reply",
    "json_reply",
    "run_service",
    "serve_http",
]
