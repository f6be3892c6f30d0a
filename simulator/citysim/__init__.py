"""A city that behaves like one: drivers on roads, riders with somewhere to go."""
