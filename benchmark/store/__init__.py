"""Where results and inputs are stored: paths of a track, its entries, attestations, provenance."""
