"""The road network of a city pack: graph, travel times and routes. Pure."""
