"""Arrays by driver slot: the numpy kit that hot paths share. Pure."""
