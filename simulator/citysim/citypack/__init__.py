"""Builds city packs: from OpenStreetMap ways to a road graph and a base map."""
