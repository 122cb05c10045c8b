"""A real inference engine on loopback, with a model that needs no download."""
