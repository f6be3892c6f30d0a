"""The broker process: connections, routing and the handlers of each API."""
