"""Ladders of base models: OPT-architecture networks, trained here, local, or from the Hub."""
