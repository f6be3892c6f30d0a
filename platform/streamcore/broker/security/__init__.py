"""Who may come in and how much a peer may cost: listeners, TLS, SASL, limits."""
