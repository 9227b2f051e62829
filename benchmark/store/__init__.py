"""Where things are stored: paths of a track, its entries, attestations, provenance."""
